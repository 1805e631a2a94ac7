package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sundog/api/lambda"
)

type invokeCommand struct {
	platform
	Function string `arg:"" help:"The function's key in the file, or its name."`
	Data     string `help:"The event, as JSON."`
	DataFile string `type:"existingfile" help:"A file with the event."`
	Event    string `enum:",httpApi,sns,sqs,s3,schedule" default:"" help:"A sample event: httpApi, sns, sqs, s3 or schedule."`
	Async    bool   `help:"Do not wait for the result."`
}

// Validate refuses a second event.
func (c *invokeCommand) Validate() error {
	given := 0
	for _, v := range []string{c.Data, c.DataFile, c.Event} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return errors.New("only one of --data, --data-file and --event can be given")
	}
	return nil
}

// Run invokes and prints the payload, and the log's tail when the function fails.
func (c *invokeCommand) Run(ctx context.Context) error {
	conn, err := c.connectAs("sundog-invoke")
	if err != nil {
		return err
	}
	payload := []byte(c.Data)
	switch {
	case c.DataFile != "":
		if payload, err = os.ReadFile(c.DataFile); err != nil {
			return err
		}
	case c.Event != "":
		payload = sampleEvent(c.Event, conn, time.Now().UTC())
	case c.Data == "":
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		return fmt.Errorf("the event is not JSON: %.80q", payload)
	}
	in := &lambda.InvokeInput{FunctionName: new(conn.functionName(c.Function)), Payload: payload, LogType: new("Tail")}
	if c.Async {
		in.InvocationType, in.LogType = new("Event"), nil
	}
	var out lambda.InvokeOutput
	if err := conn.client.Call(ctx, lambda.InvokeOp, in, &out); err != nil {
		return err
	}
	if c.Async {
		fmt.Println("accepted")
		return nil
	}
	fmt.Println(string(out.Payload))
	if out.FunctionError == nil {
		return nil
	}
	if log, err := base64.StdEncoding.DecodeString(text(out.LogResult)); err == nil {
		fmt.Fprint(os.Stderr, string(log))
	}
	return errFunction
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// sampleEvent makes an event of a kind, as the service would send it.
func sampleEvent(kind string, c *connection, now time.Time) []byte {
	arn := func(service, resource string) string {
		return strings.Join([]string{"arn", "aws", service, c.Region, c.Account, resource}, ":")
	}
	var e any
	switch kind {
	case "httpApi":
		e = map[string]any{
			"version": "2.0", "routeKey": "GET /", "rawPath": "/", "rawQueryString": "", "headers": map[string]string{"host": "localhost"}, "isBase64Encoded": false,
			"requestContext": map[string]any{"accountId": c.Account, "apiId": "sample", "domainName": "localhost", "requestId": "sample", "routeKey": "GET /", "stage": "$default",
				"http": map[string]string{"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "sundog"}, "timeEpoch": now.UnixMilli()},
		}
	case "sns":
		e = records(map[string]any{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn("sns", "sample:1"), "Sns": map[string]any{
			"Type": "Notification", "MessageId": "sample", "TopicArn": arn("sns", "sample"), "Subject": nil, "Message": "sample", "Timestamp": now.Format(time.RFC3339), "MessageAttributes": map[string]any{}}})
	case "sqs":
		e = records(map[string]any{"messageId": "sample", "receiptHandle": "sample", "body": "sample", "eventSource": "aws:sqs", "eventSourceARN": arn("sqs", "sample"), "awsRegion": c.Region,
			"attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": fmt.Sprint(now.UnixMilli())}, "messageAttributes": map[string]any{}})
	case "s3":
		e = records(map[string]any{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": c.Region, "eventTime": now.Format(time.RFC3339), "eventName": "ObjectCreated:Put", "s3": map[string]any{
			"s3SchemaVersion": "1.0", "bucket": map[string]any{"name": "sample", "arn": "arn:aws:s3:::sample"}, "object": map[string]any{"key": "sample", "size": 6}}})
	case "schedule":
		e = map[string]any{"version": "0", "id": "sample", "detail-type": "Scheduled Event", "source": "aws.events", "account": c.Account, "time": now.Format(time.RFC3339),
			"region": c.Region, "resources": []string{arn("events", "rule/sample")}, "detail": map[string]any{}}
	}
	b, _ := json.Marshal(e)
	return b
}

func records(r map[string]any) any { return map[string]any{"Records": []any{r}} }
