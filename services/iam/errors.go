package iam

import "sundog/cloud"

// The errors that the IAM and STS API references document, worded as the services word them.

// failure makes an error with its HTTP status: the query protocol's own, which each error's documentation names.
func failure(kind cloud.ErrorKind, status int, code, format string, args ...any) *cloud.Error {
	return cloud.Errorf(kind, code, format, args...).WithStatus(status)
}

func errNoEntity(format string, args ...any) *cloud.Error {
	return failure(cloud.NotFound, 404, "NoSuchEntity", format, args...)
}

func errExists(format string, args ...any) *cloud.Error {
	return failure(cloud.Conflict, 409, "EntityAlreadyExists", format, args...)
}

func errDelete(format string, args ...any) *cloud.Error {
	return failure(cloud.Conflict, 409, "DeleteConflict", format, args...)
}

func errLimit(format string, args ...any) *cloud.Error {
	return failure(cloud.Conflict, 409, "LimitExceeded", format, args...)
}

func errInput(format string, args ...any) *cloud.Error {
	return failure(cloud.Invalid, 400, "InvalidInput", format, args...)
}

func errValidation(format string, args ...any) *cloud.Error {
	return failure(cloud.Invalid, 400, "ValidationError", format, args...)
}

func errDenied(format string, args ...any) *cloud.Error {
	return failure(cloud.Denied, 403, "AccessDenied", format, args...)
}

func errInvalidToken() *cloud.Error {
	return failure(cloud.Denied, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

func errExpiredToken() *cloud.Error {
	return failure(cloud.Denied, 403, "ExpiredToken", "The security token included in the request is expired")
}

func errPacked() *cloud.Error {
	return failure(cloud.Invalid, 400, "PackedPolicyTooLarge", "Packed size of session tags and policies exceeds the limit.")
}
