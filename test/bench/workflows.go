package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"sundog/api/iam"
	"sundog/api/sfn"
)

const (
	chain      = 100 // states of the workflow
	executions = 200 // that run at once
)

// workflows measures state transitions: standard executions, which are kept step by step, and express ones, which the caller waits for.
func (b *bench) workflows(all []*platform) error {
	for _, p := range all {
		if err := b.workflow(p); err != nil {
			return fmt.Errorf("%s: %w", p.mode, err)
		}
	}
	return nil
}

func (b *bench) workflow(p *platform) error {
	role, err := call[iam.CreateRoleOutput](p, iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: new("bench-workflow"),
		AssumeRolePolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`)})
	if err != nil {
		return err
	}
	machine := func(kind string) (*sfn.CreateStateMachineOutput, error) {
		return call[sfn.CreateStateMachineOutput](p, sfn.CreateStateMachineOp, &sfn.CreateStateMachineInput{
			Name: new("bench-" + kind), Type: &kind, Definition: new(definition()), RoleArn: role.Role.Arn})
	}
	standard, err := machine("STANDARD")
	if err != nil {
		return err
	}
	rate, err := p.standard(*standard.StateMachineArn)
	if err != nil {
		return err
	}
	b.table.put(rowTransitions, p.mode, "%s /s", thousands(rate))
	express, err := machine("EXPRESS")
	if err != nil {
		return err
	}
	request, err := p.request(sfn.StartSyncExecutionOp, &sfn.StartSyncExecutionInput{StateMachineArn: express.StateMachineArn, Input: new("{}")}, nil)
	if err != nil {
		return err
	}
	o := load(p.address, [][]byte{request}, callers, b.duration)
	text := "failed: " + o.first
	if o.rate > 0 {
		text = fmt.Sprintf("%s /s; %d states in p50 %s", thousands(o.rate*chain), chain, short(o.p50))
	}
	b.table.put("workflow transitions, express", p.mode, "%s", text)
	return nil
}

// definition is a chain of states that do nothing.
func definition() string {
	states := map[string]any{}
	for i := range chain {
		s := map[string]any{"Type": "Pass"}
		if i == chain-1 {
			s["End"] = true
		} else {
			s["Next"] = "S" + strconv.Itoa(i+1)
		}
		states["S"+strconv.Itoa(i)] = s
	}
	text, _ := json.Marshal(map[string]any{"StartAt": "S0", "States": states})
	return string(text)
}

// standard starts executions and gives how many states they went through in a second, until the last one ended.
func (p *platform) standard(machine string) (float64, error) {
	arns := make([]*string, executions)
	errs := make([]error, callers)
	start := time.Now()
	var work sync.WaitGroup
	for c := range callers {
		work.Go(func() {
			for i := c; i < executions && errs[c] == nil; i += callers {
				out, err := call[sfn.StartExecutionOutput](p, sfn.StartExecutionOp, &sfn.StartExecutionInput{StateMachineArn: &machine, Name: new("e" + strconv.Itoa(i))})
				if errs[c] = err; err == nil {
					arns[i] = out.ExecutionArn
				}
			}
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	deadline := start.Add(time.Minute)
	for _, arn := range arns {
		for {
			out, err := call[sfn.DescribeExecutionOutput](p, sfn.DescribeExecutionOp, &sfn.DescribeExecutionInput{ExecutionArn: arn})
			if err != nil {
				return 0, err
			}
			if *out.Status == "SUCCEEDED" {
				break
			}
			if *out.Status != "RUNNING" || time.Now().After(deadline) {
				return 0, fmt.Errorf("the execution %s is %s", *arn, *out.Status)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return chain * executions / time.Since(start).Seconds(), nil
}
