package cloudwatch

import "sundog/cloud"

// The errors that the CloudWatch API reference documents, worded as the service words them.

func errValue(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameterValueException", format, args...).WithStatus(400)
}

func errCombination(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameterCombinationException", format, args...).WithStatus(400)
}

func errMissing(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "MissingRequiredParameterException", format, args...).WithStatus(400)
}

func errToken() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidNextToken", "The next token specified is invalid.").WithStatus(400)
}
