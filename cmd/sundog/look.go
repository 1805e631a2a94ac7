package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"sundog/app"
)

type statusCommand struct{ platform }

// Run shows the platform, its application and its environments.
func (c *statusCommand) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	var s app.Status
	if err := conn.admin(ctx, "GET", "status", nil, &s); err != nil {
		return err
	}
	out := newScreen(os.Stdout)
	rows := [][]string{{"platform", ""}, {"endpoint", s.Endpoint}, {"version", s.Version}, {"durability", s.Durability}, {"data", s.Data},
		{"permissions", map[bool]string{true: "enforced", false: "warned about"}[s.Enforce]},
		{"running since", s.Started.Format(time.RFC3339)}, {"platform time", s.Now.Format(time.RFC3339)},
		{"environments", fmt.Sprintf("%d idle, %d busy, %d starting", s.Environments["idle"], s.Environments["busy"], s.Environments["starting"])}}
	if s.HTTP != "" {
		rows = append(rows, []string{"HTTP API", s.HTTP})
	}
	if s.Dropped > 0 {
		rows = append(rows, []string{"telemetry dropped", fmt.Sprint(s.Dropped)})
	}
	out.table(rows)
	if conn.Service != "" {
		out.line("")
		fns := [][]string{{"function", "name"}}
		for k, f := range conn.Functions {
			fns = append(fns, []string{k, f.Name})
		}
		out.table(fns)
	}
	queues, err := conn.queueTable(ctx)
	if err == nil && queues != nil {
		out.line("")
		out.table(queues)
	}
	return err
}

type envCommand struct{ platform }

// Run prints shell exports.
func (c *envCommand) Run() error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	if conn.keyless { // what is printed is for eval
		fmt.Fprintln(os.Stderr, "The keys test / test are those of `sundog dev`. For another platform, "+whichKeys)
	}
	for _, kv := range [][2]string{
		{"AWS_ENDPOINT_URL", conn.Endpoint}, {"AWS_REGION", conn.Region}, {"AWS_DEFAULT_REGION", conn.Region},
		{"AWS_ACCESS_KEY_ID", conn.Credentials.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", conn.Credentials.SecretAccessKey},
	} {
		fmt.Printf("export %s=%s\n", kv[0], kv[1])
	}
	// Version 1 of the AWS CLI sends calls to SQS to a legacy name of AWS's, whatever AWS_ENDPOINT_URL says; only the flag stops it.
	fmt.Println(`aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }`)
	fmt.Println("unset AWS_SESSION_TOKEN AWS_PROFILE")
	return nil
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run() error {
	fmt.Println("sundog " + app.Version)
	return nil
}

type doctorCommand struct{}

// Run tells what this machine can run, and how functions are kept apart.
func (doctorCommand) Run(ctx context.Context) error {
	out := newScreen(os.Stdout)
	rows := [][]string{{"runtime", "interpreter", "version", ""}}
	report, err := app.Doctor(ctx)
	if err != nil {
		return err
	}
	for _, r := range report.Runtimes {
		note := r.Note
		if r.Missing != "" {
			note = out.paint(red, r.Missing)
		}
		rows = append(rows, []string{r.Name, r.Interpreter, r.Version, note})
	}
	out.table(rows)
	out.line("")
	out.line("%s", report.Machine)
	out.line("")
	showSandbox(out, report)
	return nil
}

// showSandbox shows what the machine has of a sandbox, and what comes of it.
func showSandbox(out *screen, r app.Report) {
	rows := [][]string{{"sandbox", "", ""}}
	for _, f := range r.Features {
		state := "yes"
		switch {
		case !f.OK && f.Required:
			state = out.paint(red, "missing")
		case !f.OK:
			state = out.paint(yellow, "no")
		}
		rows = append(rows, []string{f.Name, state, f.Note})
	}
	limit := map[string]string{"sampling": "looked at four times a second, for no control group can be made here"}[r.Memory]
	rows = append(rows, []string{"memory limit", r.Memory, limit}, []string{"processes, files, sizes", "yes", "resource limits"})
	out.table(rows)
	out.line("")
	if r.Sandbox {
		out.line("functions run in sandboxes (the first took %.0f ms)", float64(r.Started.Microseconds())/1000)
		return
	}
	out.line("%s", out.paint(red, fmt.Sprintf("functions cannot be sandboxed here: %v", r.Lack)))
	out.line("serve does not start without --allow-unsandboxed; dev runs functions as plain processes of this user")
}
