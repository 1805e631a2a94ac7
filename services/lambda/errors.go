package lambda

import "sundog/cloud"

// The errors that the Lambda API reference documents, worded as the service words them.

func errNotFound(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", format, args...).With("Type", "User")
}

func errConflict(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ResourceConflictException", format, args...).With("Type", "User")
}

func errParameter(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameterValueException", format, args...).With("Type", "User")
}

func errValidation(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationException", "1 validation error detected: "+format, args...)
}

func errPrecondition(what string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the %s API to retrieve the latest Revision Id", what).WithStatus(412).With("Type", "User")
}

func errTooMany(reason string) *cloud.Error {
	return cloud.Errorf(cloud.Throttled, "TooManyRequestsException", "Rate Exceeded.").WithStatus(429).With("Reason", reason).With("Type", "User")
}

func errTooLarge(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.TooLarge, "RequestEntityTooLargeException", format, args...).WithStatus(413)
}

func errBadPayload(what string) *cloud.Error {
	return errContent("Could not parse request body into json: Could not parse payload into json: %s", what)
}

func errContent(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidRequestContentException", format, args...).With("Type", "User")
}
