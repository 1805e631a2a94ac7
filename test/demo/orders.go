package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sundog/api/sfn"
	"sundog/api/sqs"
)

// orders places orders of every fate.
func orders(ctx context.Context, a *application) {
	a.out.step("An order that is paid at the third try")
	trace := newTrace()
	arn := place(ctx, a, `{"id":"a1","lines":[{"sku":"book","count":2},{"sku":"pen","count":4}],"card":{"busy":2}}`, trace)
	outcome(ctx, a, arn, "SUCCEEDED")
	history(ctx, a, arn)
	news(ctx, a, `{"order":"a1","state":"sent","parcel":"P-a1"}`)
	a.logged(ctx, "charge", "the card was busy twice", "charged 46 for a1 at attempt 2")
	a.tree(ctx, trace, "POST /orders", "StartExecution", "price", "reserve", "charge", "pack", "bill", "SNS")

	a.out.step("The same order once more")
	r := a.http(ctx, "POST", "/orders", `{"id":"a1","lines":[{"sku":"lamp","count":1}]}`, "")
	a.out.check(r.status == 409, "an id names one order only")

	a.out.step("Orders that come to nothing are undone and told")
	arn = place(ctx, a, `{"id":"a2","lines":[{"sku":"pen","count":1},{"sku":"unicorn","count":1}]}`, "")
	outcome(ctx, a, arn, "FAILED")
	news(ctx, a, `{"order":"a2","state":"refused"}`)
	a.logged(ctx, "release", "what was reserved is released", "released 2 lines of a2")
	arn = place(ctx, a, `{"id":"a3","lines":[{"sku":"pen","count":1}],"card":{"declined":true}}`, "")
	outcome(ctx, a, arn, "FAILED")
	news(ctx, a, `{"order":"a3","state":"refused"}`)
	arn = place(ctx, a, `{"id":"a4","lines":[]}`, "")
	outcome(ctx, a, arn, "FAILED")
	news(ctx, a, `{"order":"a4","state":"refused"}`)

	a.out.step("An order that is held for a week")
	arn = place(ctx, a, `{"id":"a5","lines":[{"sku":"lamp","count":1}],"holdSeconds":604800}`, "")
	a.eventually(ctx, "it waits", func() (bool, error) {
		return slices.Contains(entered(ctx, a, arn), "Hold"), nil
	})
	a.shown(ctx, "clock", "advance", "7d")
	outcome(ctx, a, arn, "SUCCEEDED")
	news(ctx, a, `{"order":"a5","state":"sent","parcel":"P-a5"}`)
}

func place(ctx context.Context, a *application, order, trace string) (execution string) {
	r := a.http(ctx, "POST", "/orders", order, trace)
	execution, _ = r.field("executionArn").(string)
	a.out.check(r.status == 202 && execution != "", "202: the workflow has begun")
	if execution == "" {
		panic(giveUp{fmt.Errorf("no execution for %s", order)})
	}
	return execution
}

func outcome(ctx context.Context, a *application, execution, status string) {
	var e sfn.DescribeExecutionOutput
	a.eventually(ctx, "the workflow ends: "+status, func() (bool, error) {
		e = sfn.DescribeExecutionOutput{}
		if err := a.call(ctx, sfn.DescribeExecutionOp, &sfn.DescribeExecutionInput{ExecutionArn: &execution}, &e); err != nil {
			return false, err
		}
		if s := *e.Status; s != "RUNNING" && s != status {
			return false, fmt.Errorf("it is %s: %s: %s", s, text(e.Error), text(e.Cause))
		}
		return *e.Status == status, nil
	})
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// entered gives the names of the states that an execution has entered.
func entered(ctx context.Context, a *application, execution string) (names []string) {
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &execution}
	for {
		var out sfn.GetExecutionHistoryOutput
		if err := a.call(ctx, sfn.GetExecutionHistoryOp, in, &out); err != nil {
			panic(giveUp{err})
		}
		for _, e := range out.Events {
			if e.StateEnteredEventDetails != nil {
				names = append(names, *e.StateEnteredEventDetails.Name)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return names
		}
	}
}

func history(ctx context.Context, a *application, execution string) {
	a.out.request("sfn GetExecutionHistory", nil)
	names := entered(ctx, a, execution)
	a.out.quote("│", strings.Join(names, " → "))
	ok := len(names) > 0 && names[len(names)-1] == "Sent"
	for _, want := range []string{"Price", "ReserveLine", "Charge", "Pack", "Bill", "TellSent"} {
		ok = ok && slices.Contains(names, want)
	}
	a.out.check(ok, "it went through price, reservation, payment, parcel and news")
}

// news takes the next message from the inbox, which the topic feeds.
func news(ctx context.Context, a *application, want string) {
	inbox := a.ready.Outputs["Inbox"]
	var got sqs.ReceiveMessageOutput
	if err := a.call(ctx, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &inbox, WaitTimeSeconds: new(int32(10))}, &got); err != nil {
		panic(giveUp{err})
	}
	body := ""
	for _, m := range got.Messages {
		body = *m.Body
		if err := a.call(ctx, sqs.DeleteMessageOp, &sqs.DeleteMessageInput{QueueUrl: &inbox, ReceiptHandle: m.ReceiptHandle}, &sqs.DeleteMessageOutput{}); err != nil {
			panic(giveUp{err})
		}
	}
	a.out.answer("inbox", body)
	var left, right any
	same := json.Unmarshal([]byte(body), &left) == nil && json.Unmarshal([]byte(want), &right) == nil
	a.out.check(same && fmt.Sprint(left) == fmt.Sprint(right), "the news is in the inbox: "+want)
}
