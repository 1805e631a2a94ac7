package test

import (
	"context"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sundog/api/sqs"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/client"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

// message send QUEUE BODY, message receive QUEUE: what an application does with a queue of the platform at $SUNDOG_ENDPOINT. What was received
// is visible again at once.
func message(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: message send queue body, or message receive queue")
	}
	creds := sigv4.Credentials{AccessKey: ts.Getenv("AWS_ACCESS_KEY_ID"), Secret: ts.Getenv("AWS_SECRET_ACCESS_KEY")}
	c, err := client.New(client.Options{
		Endpoint: ts.Getenv("SUNDOG_ENDPOINT"), Region: "us-east-1", Clock: clock.New(time.Now, 0), IDs: ids.New(),
		Credentials: func(context.Context) (sigv4.Credentials, error) { return creds, nil },
	})
	ts.Check(err)
	url := ts.Getenv("SUNDOG_ENDPOINT") + "/000000000000/" + args[1]
	switch {
	case args[0] == "send" && len(args) == 3:
		err = c.Call(context.Background(), sqs.SendMessageOp, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &args[2]}, &sqs.SendMessageOutput{})
	case args[0] == "receive":
		err = c.Call(context.Background(), sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: new(int32(0))}, &sqs.ReceiveMessageOutput{})
	default:
		ts.Fatalf("message %s is not known", args[0])
	}
	ts.Check(err)
}
