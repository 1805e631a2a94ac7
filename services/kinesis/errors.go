package kinesis

import (
	"errors"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The errors that the API reference documents, worded as the service words them.

func errArgument(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidArgumentException", format, args...)
}

func errValidation(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationException", format, args...)
}

// errMember words a violated constraint of a member as the model's are worded.
func errMember(value, member, constraint string) *cloud.Error {
	return errValidation("1 validation error detected: Value%s at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

func errNoStream(at ref) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Stream %s under account %s not found.", at.Name, at.Account)
}

func errNoStreamID(id, account string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Stream with StreamId %s under account %s not found.", id, account)
}

func errNoShard(at ref, id string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Shard %s in stream %s under account %s does not exist", id, at.Name, at.Account)
}

// errNoShardToChange is how SplitShard and MergeShards say it.
func errNoShardToChange(at ref, id string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Could not find shard %s in stream %s under account %s.", id, at.Name, at.Account)
}

func errNoConsumer(name, account string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Consumer %s, account %s not found.", name, account)
}

func errExists(at ref) *cloud.Error {
	return errInUse("Stream %s under account %s already exists.", at.Name, at.Account)
}

func errInUse(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ResourceInUseException", format, args...)
}

func errLimit(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Throttled, "LimitExceededException", format, args...)
}

func errExpiredToken(made, now time.Time) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ExpiredNextTokenException", "Token expired. %s", expiry("token", made, now))
}

func errExpiredIterator(made, now time.Time) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ExpiredIteratorException", "Iterator expired. %s", expiry("iterator", made, now))
}

func expiry(what string, made, now time.Time) string {
	const form = "Mon Jan 02 15:04:05 UTC 2006"
	return "The " + what + " was created at time " + made.UTC().Format(form) + " while right now is " + now.UTC().Format(form) +
		" which is further in the future than the tolerated delay of 300000 milliseconds."
}

// fromStore puts the store's errors into the service's words; other errors stay as they are.
func fromStore(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrConflict):
		return &cloud.Error{Kind: cloud.Unavailable, Code: "InternalFailureException", Message: "The request met too many conflicting requests; try again.", Cause: err}
	case errors.Is(err, store.ErrFull):
		return &cloud.Error{Kind: cloud.Unavailable, Code: "InternalFailureException", Message: "The platform's disk is full.", Cause: err}
	}
	return err
}
