// Package httpevent is the language between HTTP and functions: the event of payload format 2.0 that a function gets for a request (API Gateway
// Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs"; Lambda Developer Guide, "Invoking Lambda function URLs"), the response that it
// gives back in formats 1.0 and 2.0, the prelude of streamed responses, and CORS. It is pure: nothing here reads or writes a connection.
package httpevent
