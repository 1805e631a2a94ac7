package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"sundog/api/iam"
	"sundog/api/lambda"
)

const (
	manyFunctions = 1000
	burst         = 200
	restFor       = 5 * time.Second
	rowMany       = "1,000 idle functions, memory (RSS)"
	rowBurst      = "200 cold invocations at once, of 200 functions"
	rowCrowd      = "200 invocations at once, of one new function"
	rowFrozen     = "an idle function with a busy timer, of one processor"
)

// sleepy takes a moment, so that invocations pile up; busy goes on when its answer is out, if it is let.
const (
	sleepy = `exports.handler = async () => { await new Promise((r) => setTimeout(r, 50)); return { statusCode: 200 } }`
	busy   = `setInterval(() => { const end = Date.now() + 5; while (Date.now() < end); }, 1); exports.handler = async () => ({ statusCode: 200 })`
)

// many measures what functions cost that nobody calls, and many that are called at once.
func (b *bench) many() error {
	p, err := b.serve("relaxed")
	if err != nil {
		return err
	}
	defer p.stop()
	role, err := p.role()
	if err != nil {
		return err
	}
	for i := range manyFunctions {
		if err := b.node(p, role, "many-"+strconv.Itoa(i), sleepy); err != nil {
			return err
		}
	}
	if err := b.weigh(rowMany, p); err != nil {
		return err
	}
	for name, text := range map[string]string{"crowd": sleepy, "busy": busy} {
		if err := b.node(p, role, name, text); err != nil {
			return err
		}
	}
	if err := b.frozen(p); err != nil {
		return err
	}
	if err := b.atOnce(rowCrowd, p, func(int) string { return "crowd" }); err != nil {
		return err
	}
	return b.atOnce(rowBurst, p, func(i int) string { return "many-" + strconv.Itoa(i) })
}

// node makes a Node function.
func (b *bench) node(p *platform, role, name, text string) error {
	code, err := b.code(language{file: "index.js", text: text})
	if err != nil {
		return err
	}
	_, err = call[lambda.CreateFunctionOutput](p, lambda.CreateFunctionOp, &lambda.CreateFunctionInput{FunctionName: &name, Runtime: new("nodejs20.x"),
		Handler: new("index.handler"), Role: &role, Code: &lambda.FunctionCode{ZipFile: code}, Timeout: new(int32(60))})
	return err
}

// frozen measures the processor time that a function takes between invocations.
func (b *bench) frozen(p *platform) error {
	if err := invoke(p, "busy"); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // what is to rest does
	before := spentBy(p.process.Process.Pid)
	time.Sleep(restFor)
	used := spentBy(p.process.Process.Pid).since(before).functions
	b.table.put(rowFrozen, p.mode, "%.2f%%", 100*float64(used)/float64(restFor))
	return nil
}

// atOnce invokes as many functions at once, each by a name, and measures until the last one has answered.
func (b *bench) atOnce(what string, p *platform, name func(i int) string) error {
	errs := make([]error, burst)
	took := make([]time.Duration, burst)
	start := time.Now()
	var work sync.WaitGroup
	for i := range burst {
		work.Go(func() {
			errs[i] = invoke(p, name(i))
			took[i] = time.Since(start)
		})
	}
	work.Wait()
	all := time.Since(start)
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	b.table.put(what, p.mode, "%d answered in %s, half of them in %s; %d failed", burst-failed, short(all), short(median(took)), failed)
	if failed > 0 {
		b.table.note("%s: %v", what, errors.Join(errs...))
	}
	return nil
}

func (p *platform) role() (arn string, err error) {
	const policy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}`
	out, err := call[iam.CreateRoleOutput](p, iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: new("bench"), AssumeRolePolicyDocument: new(policy)})
	if err != nil {
		return "", fmt.Errorf("the functions' role: %w", err)
	}
	return *out.Role.Arn, nil
}
