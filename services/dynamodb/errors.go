package dynamodb

import (
	"errors"

	"sundog/cloud"
	"sundog/engine/store"
)

// The errors that the DynamoDB API reference documents, worded as the service words them.

func errValidation(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationException", format, args...)
}

// errInvalid words a wrong parameter value.
func errInvalid(format string, args ...any) *cloud.Error {
	return errValidation("One or more parameter values were invalid: "+format, args...)
}

func errNotFound() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Requested resource not found")
}

func errNoTable(name string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

func errNoResource(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Requested resource not found: ResourcArn: %s not found", arn)
}

func errNoStream(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Requested resource not found: Stream: %s not found", arn)
}

func errTableExists(name string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ResourceInUseException", "Table already exists: %s", name)
}

func errInUse(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ResourceInUseException", format, args...)
}

func errLimit(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Throttled, "LimitExceededException", format, args...)
}

func errCondition() *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ConditionalCheckFailedException", "The conditional request failed")
}

func errNoPolicy(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "PolicyNotFoundException", "Requested resource policy not found: Resource: %s", arn)
}

func errMismatch() *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "IdempotentParameterMismatchException",
		"The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical")
}

func errExpiredIterator() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ExpiredIteratorException", "Iterator expired. The iterator was created more than 15 minutes ago.")
}

// fromStore puts the store's errors into the service's words; other errors stay as they are.
func fromStore(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrConflict):
		return &cloud.Error{Kind: cloud.Unavailable, Code: "InternalServerError", Message: "The request met too many conflicting requests; try again.", Cause: err}
	case errors.Is(err, store.ErrTooLarge):
		return &cloud.Error{Kind: cloud.Invalid, Code: "ValidationException", Message: "The request is larger than what can be committed at once.", Cause: err}
	case errors.Is(err, store.ErrFull):
		return &cloud.Error{Kind: cloud.Unavailable, Code: "InternalServerError", Message: "The platform's disk is full.", Cause: err}
	}
	return err
}

// messageOf gives what a client would see of an error.
func messageOf(err error) string { return cloud.AsError(err).Message }
