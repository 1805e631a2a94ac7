// Package jsonbody reads and writes JSON documents as values of generated types. It is the body codec of awsjson and rest-json,
// and in the Model mode that of calls between rooms. Malformed input gives *Error, never a panic; depth is bounded.
package jsonbody
