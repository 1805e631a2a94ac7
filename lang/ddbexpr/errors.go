package ddbexpr

import "sundog/cloud"

// Invalidf makes the ValidationException of this language.
func Invalidf(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationException", format, args...)
}
