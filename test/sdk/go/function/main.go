// A function on the official Go client; it also asks for SIGTERM, for which the client registers an internal extension.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Fail string `json:"fail,omitempty"`
	A    string `json:"a,omitempty"`
}

func handle(ctx context.Context, e event) (map[string]any, error) {
	if e.Fail != "" {
		return nil, errors.New(e.Fail)
	}
	c, _ := lambdacontext.FromContext(ctx)
	return map[string]any{"echo": e, "request": c.AwsRequestID, "name": lambdacontext.FunctionName}, nil
}

func main() {
	lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() { fmt.Println("go function saw SIGTERM") }))
}
