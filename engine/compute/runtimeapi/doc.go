// Package runtimeapi serves the Lambda Runtime API (AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes", version
// 2018-06-01) to one execution environment: a loopback port, the environment's AWS_LAMBDA_RUNTIME_API, from which a custom runtime's
// bootstrap takes invocations and to which it posts responses, streamed or not, and errors.
//
// The Extensions, Telemetry and Logs APIs are not served: requests to them get 501 and a text that says so.
package runtimeapi
