// Command function is the Go function that test/bench invokes, on AWS's own runtime client.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

type answer struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

func main() {
	lambda.Start(func(context.Context, json.RawMessage) (answer, error) { return answer{200, "hello"}, nil })
}
