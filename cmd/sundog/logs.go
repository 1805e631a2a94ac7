package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sundog/api/lambda"
	"sundog/api/logs"
	"sundog/app"
	"sundog/cloud"
)

type logsCommand struct {
	platform
	Function string        `arg:"" help:"The function's key in the file, or its name."`
	Follow   bool          `short:"f" help:"Go on as lines come."`
	Since    time.Duration `default:"1h" help:"How far back."`
}

// line is one line of a log, as it is told apart from others.
type line struct {
	millis  int64
	message string
}

// Run prints the function's lines, oldest first, and goes on if it is to follow.
func (c *logsCommand) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	return c.show(ctx, conn, os.Stdout)
}

func (c *logsCommand) show(ctx context.Context, conn *connection, out io.Writer) error {
	group, unknown := conn.logGroup(ctx, conn.functionName(c.Function))
	var state app.ClockState
	if err := conn.admin(ctx, "GET", "clock", nil, &state); err != nil {
		return err
	}
	var tail io.ReadCloser
	if c.Follow { // first: what comes while the past is printed must not be missed
		resp, err := conn.stream(ctx, "GET", "tail", nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		tail = resp.Body
	}
	shown := map[line]bool{}
	err := conn.past(ctx, group, state.Now.Add(-c.Since), func(l line) {
		fmt.Fprintln(out, l.message)
		if c.Follow {
			shown[l] = true
		}
	})
	switch {
	case cloud.IsCode(err, "ResourceNotFoundException"): // nothing has been written
		if unknown != nil {
			return unknown
		}
	case err != nil:
		return err
	}
	if tail == nil {
		return nil
	}
	return follow(ctx, tail, group, func(l line) {
		if !shown[l] {
			fmt.Fprintln(out, l.message)
		}
	})
}

// logGroup gives the name of a function's log group. The log of a function that is no more can be there still; the error says that it is not known.
func (c *connection) logGroup(ctx context.Context, function string) (group string, unknown error) {
	var out lambda.GetFunctionConfigurationOutput
	if err := c.client.Call(ctx, lambda.GetFunctionConfigurationOp, &lambda.GetFunctionConfigurationInput{FunctionName: &function}, &out); err != nil {
		return "/aws/lambda/" + function, err
	}
	if out.LoggingConfig == nil {
		return "/aws/lambda/" + function, nil
	}
	return value(out.LoggingConfig.LogGroup), nil
}

// past calls fn for a group's lines from a moment on, oldest first.
func (c *connection) past(ctx context.Context, group string, from time.Time, fn func(line)) error {
	in := &logs.FilterLogEventsInput{LogGroupName: &group, StartTime: new(from.UnixMilli())}
	for {
		var out logs.FilterLogEventsOutput
		if err := c.client.Call(ctx, logs.FilterLogEventsOp, in, &out); err != nil {
			return err
		}
		for _, e := range out.Events {
			fn(line{value(e.Timestamp), strings.TrimRight(value(e.Message), "\n")})
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

// follow calls fn for a group's lines out of all that the platform records from now on.
func follow(ctx context.Context, tail io.Reader, group string, fn func(line)) error {
	lines := bufio.NewScanner(tail)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e struct {
			app.TailEvent
			Lost bool
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		if e.Lost {
			fmt.Fprintln(os.Stderr, "sundog: more came than could be shown: lines are missing here")
		}
		if e.Group != nil && e.Group.Name == group {
			fn(line{e.Log.Time.UnixMilli(), strings.TrimRight(e.Log.Message, "\n")})
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return lines.Err()
}
