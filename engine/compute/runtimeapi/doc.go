// Package runtimeapi serves what an execution environment of Lambda has at AWS_LAMBDA_RUNTIME_API, each environment at an address of its own:
//
//   - the Runtime API (2018-06-01), from which a custom runtime takes invocations and to which it posts responses, streamed or not, and errors;
//   - the Extensions API (2020-01-01), with which extensions register, take INVOKE and SHUTDOWN events, and report errors;
//   - the Telemetry API (2022-07-01) and its predecessor, the Logs API (2020-08-15), which send a subscriber the platform's events and what
//     function and extensions write.
//
// The package speaks and keeps the state; starting processes, killing them and counting time is the driver's, which asks Wait, Begin, Settle
// and Shutdown. An embedded runtime does not take its invocations from here; its environment has the API for extensions.
package runtimeapi
