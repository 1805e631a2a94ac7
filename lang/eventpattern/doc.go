// Package eventpattern compiles and matches the filters that several AWS services share: EventBridge event patterns (Amazon
// EventBridge User Guide, "Comparison operators for use in event patterns"), Lambda's event filters (the same language) and SNS
// filter policies (Amazon SNS Developer Guide, "Amazon SNS message filtering"), which are an older dialect with limits of their own.
//
// An event is seen as its leaves: a value of an array counts as a value of the array's path, and a key that contains dots is
// the same path as nested keys. Fields that lie in the same element of an array of objects must match together.
//
// The package is pure. Errors carry the services' own words and the place in the source.
package eventpattern
