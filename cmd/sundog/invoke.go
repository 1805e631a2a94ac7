package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"sundog/api/lambda"
)

type invokeCommand struct {
	platform
	Function string `arg:"" help:"The function's key in the file, or its name."`
	Data     string `help:"The event, as JSON."`
	DataFile string `type:"existingfile" help:"A file with the event."`
	Event    string `enum:",httpApi,sns,sqs,s3,schedule" default:"" help:"A sample event: httpApi, sns, sqs, s3 or schedule."`
	Path     string `help:"With --event httpApi: the request's path, perhaps with a query; without it, that of the function's first route."`
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
	if c.Path != "" && c.Event != "httpApi" {
		return errors.New("--path is for --event httpApi")
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
		if payload, err = sampleEvent(c, conn, time.Now().UTC()); err != nil {
			return err
		}
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
	if log, err := base64.StdEncoding.DecodeString(value(out.LogResult)); err == nil {
		fmt.Fprint(os.Stderr, string(log))
	}
	return errFunction
}

// value is what p points at, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
