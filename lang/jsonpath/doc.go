// Package jsonpath is the JSON model and the path language of workflows: JSON values that keep the order of members and the text
// of numbers, JSONPath as the Jayway library reads it (the dialect that Step Functions speaks), and reference paths, by which a
// result is written into a document (Amazon States Language, "Reference Paths").
//
// A path is definite when it can name at most one node; it then gives that node or ErrNotFound. Any other path (deep scan,
// wildcard, slice, union, filter) gives a list, which is empty when nothing matches. All functions are pure; compiled paths are
// safe for concurrent use; sizes and depths are bounded.
package jsonpath
