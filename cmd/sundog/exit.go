package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"sundog/app"
	"sundog/cloud"
	"sundog/project/bundle"
	"sundog/project/deploy"
	"sundog/project/serverless"
)

const description = `Sundog runs your serverless application, as it is written, on machines that you own.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the application's files are wrong; 4 the port or the data folder is in use;
5 no platform was found; 6 the deployment failed; 7 the function failed.`

// The exit codes.
const (
	exitFailed   = 1
	exitProject  = 3
	exitInUse    = 4
	exitNowhere  = 5
	exitDeploy   = 6
	exitFunction = 7
)

// exitUsage ends the process for the command line's parser: wrong usage is 2, help 0.
func exitUsage(code int) {
	if code != 0 {
		code = 2
	}
	os.Exit(code)
}

// errNowhere says that no platform was found to talk to.
var errNowhere = errors.New("no platform found: run `sundog dev` in this folder, or name one with --endpoint")

// errFunction says that an invoked function failed; its error has been printed.
var errFunction = errors.New("the function failed")

// exitCode prints an error and gives the process's exit code.
func exitCode(err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return 0
	}
	var wrong *serverless.Error
	if errors.As(err, &wrong) {
		return exitProject // printed with the source lines where it was found
	}
	fmt.Fprintln(os.Stderr, "sundog: "+explain(err))
	var inUse *app.PortInUse
	var build *bundle.Error
	var failed *deploy.Failed
	switch {
	case errors.As(err, &inUse), errors.Is(err, app.ErrLocked):
		return exitInUse
	case errors.As(err, &build):
		return exitProject
	case errors.Is(err, errNowhere):
		return exitNowhere
	case errors.As(err, &failed):
		return exitDeploy
	case errors.Is(err, errFunction):
		return exitFunction
	}
	return exitFailed
}

// whichKeys says where the keys of a platform are that is not this folder's dev.
const whichKeys = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. `sundog serve` keeps the root's in the file credentials of its data folder."

// explain words an error for people.
func explain(err error) string {
	var inUse *app.PortInUse
	if errors.As(err, &inUse) {
		return inUse.Error() + "; end what listens there, or choose another with --listen or --http (port 0 takes any free one)"
	}
	var e *cloud.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Code + ": " + e.Message
	switch e.Code {
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch":
		text += "\nThe platform does not take the keys that this command has: " + whichKeys
	}
	return text
}
