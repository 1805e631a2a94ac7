// Command sundog runs a serverless application, as it is written, on machines that its owner controls.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"sundog/app"
)

// commands are the verbs; each has its own file.
type commands struct {
	Dev     devCommand     `cmd:"" help:"Run the application of a folder, live: reload on save, logs and traces as they come."`
	Serve   serveCommand   `cmd:"" help:"Run a platform without an application; deploy to it."`
	Deploy  deployCommand  `cmd:"" help:"Deploy an application to a platform."`
	Remove  removeCommand  `cmd:"" help:"Remove a deployed application."`
	Package packageCommand `cmd:"" help:"Print the CloudFormation template of an application."`
	Invoke  invokeCommand  `cmd:"" help:"Invoke a function."`
	Logs    logsCommand    `cmd:"" help:"Show a function's log."`
	Status  statusCommand  `cmd:"" help:"Show what a platform runs."`
	Trace   traceCommand   `cmd:"" help:"Show what a request caused, as a tree."`
	Queue   queueCommand   `cmd:"" help:"Look into queues; move dead letters back."`
	Clock   clockCommand   `cmd:"" help:"Show or move the platform's clock."`
	Env     envCommand     `cmd:"" help:"Print shell exports for SDKs and the AWS CLI."`
	Doctor  doctorCommand  `cmd:"" help:"Tell what this machine can run."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	app.MaybeInit() // an execution environment's init is this same binary
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 1 {
		os.Args = append(os.Args, "--help")
	}
	var c commands
	k := kong.Parse(&c, kong.Name("sundog"), kong.ShortUsageOnError(), kong.Exit(exitUsage), kong.Description(description), kong.BindTo(ctx, (*context.Context)(nil)))
	os.Exit(exitCode(k.Run()))
}
