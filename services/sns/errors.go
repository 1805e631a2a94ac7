package sns

import "sundog/cloud"

// The errors that the SNS API reference documents, worded as the service words them.

func errInvalid(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameter", "Invalid parameter: "+format, args...).WithStatus(400)
}

func errValue(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ParameterValueInvalid", format, args...).WithStatus(400)
}

func errNoTopic() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "NotFound", "Topic does not exist").WithStatus(404)
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
