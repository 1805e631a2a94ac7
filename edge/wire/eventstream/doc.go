// Package eventstream is the framing of application/vnd.amazon.eventstream (Smithy specification, "Amazon event stream
// specification"): messages of typed headers and a payload, each with two checksums; and the serving of a typed event stream.
package eventstream
