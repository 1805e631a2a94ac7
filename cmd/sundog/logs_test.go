package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"sundog/api/lambda"
	"sundog/api/logs"
	"sundog/cloud"
)

// makeFunction makes one that logs into a group.
func makeFunction(t *testing.T, c *connection, name, group string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create("index.mjs"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	in := &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: new("nodejs20.x"), Handler: new("index.handler"), Role: new("arn:aws:iam::000000000000:role/r"),
		Code: &lambda.FunctionCode{ZipFile: b.Bytes()}, LoggingConfig: &lambda.LoggingConfig{LogGroup: &group},
	}
	if err := c.client.Call(t.Context(), lambda.CreateFunctionOp, in, &lambda.CreateFunctionOutput{}); err != nil {
		t.Fatal(err)
	}
}

// The log of a function is where its configuration says. It can be followed before anything is in it; no line is shown twice, and none is missed.
func TestLogs(t *testing.T) {
	c := dial(t)
	makeFunction(t, c, "quiet", "/of/its/own")
	ctx, stop := context.WithCancel(t.Context())
	shown, w := io.Pipe()
	ended := make(chan error, 1)
	follow := func() {
		ended <- (&logsCommand{Function: "quiet", Follow: true, Since: time.Hour}).show(ctx, c, w)
	}
	go follow()
	if err := c.client.Call(t.Context(), logs.CreateLogGroupOp, &logs.CreateLogGroupInput{LogGroupName: new("/of/its/own")}, &logs.CreateLogGroupOutput{}); err != nil {
		t.Fatal(err)
	}
	if err := c.client.Call(t.Context(), logs.CreateLogStreamOp, &logs.CreateLogStreamInput{LogGroupName: new("/of/its/own"), LogStreamName: new("s")}, &logs.CreateLogStreamOutput{}); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(shown)
	for _, text := range []string{"one", "two", "three"} {
		in := &logs.PutLogEventsInput{LogGroupName: new("/of/its/own"), LogStreamName: new("s"), LogEvents: []logs.InputLogEvent{{Message: new(text + "\n"), Timestamp: new(time.Now().UnixMilli())}}}
		if err := c.client.Call(t.Context(), logs.PutLogEventsOp, in, &logs.PutLogEventsOutput{}); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || lines.Text() != text {
			t.Fatalf("%q instead of %q", lines.Text(), text)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	if err := (&logsCommand{Function: "quiet", Since: time.Hour}).show(t.Context(), c, &all); err != nil || all.String() != "one\ntwo\nthree\n" {
		t.Fatalf("%q %v", all.String(), err)
	}
	if err := (&logsCommand{Function: "nobody"}).show(t.Context(), c, &all); !cloud.IsCode(err, "ResourceNotFoundException") || !strings.Contains(err.Error(), "function:nobody") {
		t.Fatal(err)
	}
	makeFunction(t, c, "unused", "/never/written")
	if err := (&logsCommand{Function: "unused"}).show(t.Context(), c, &all); err != nil {
		t.Fatal(err)
	}
}
