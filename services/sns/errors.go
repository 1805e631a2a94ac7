package sns

import "sundog/cloud"

// The errors that the SNS API reference documents, worded as the service words them.

func errInvalid(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameter", "Invalid parameter: "+format, args...).WithStatus(400)
}

// errPlain is an InvalidParameter without the usual opening.
func errPlain(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameter", format, args...).WithStatus(400)
}

// errAbsent is the common wording for a member that is required, of operations that judge their input themselves.
func errAbsent(member string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationError", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member).WithStatus(400)
}

func errValue(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ParameterValueInvalid", format, args...).WithStatus(400)
}

func errNoTopic() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "NotFound", "Topic does not exist").WithStatus(404)
}

// errNoResource is what the operations on tags and data protection say of a topic that is not there.
func errNoResource() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFound", "Resource does not exist").WithStatus(404)
}

func errNoSubscription() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "NotFound", "Subscription does not exist").WithStatus(404)
}

func errState(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "InvalidState", format, args...).WithStatus(400)
}

func errBatchID(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidBatchEntryId", format, args...).WithStatus(400)
}
