// Command function is the Go function that test/bench invokes: the smallest program that speaks the Lambda Runtime API.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const answer = `{"statusCode":200,"body":"hello"}`

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		if err := serve(base); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// serve takes one invocation and answers it.
func serve(base string) error {
	next, err := http.Get(base + "next")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, next.Body)
	next.Body.Close()
	if err != nil {
		return err
	}
	resp, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(answer))
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
