package logs

import "sundog/cloud"

// The errors that the CloudWatch Logs API reference documents, worded as the service words them.

func errParameter(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameterException", format, args...).WithStatus(400)
}

func errNoGroup() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "The specified log group does not exist.").WithStatus(400)
}

func errNoStream() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "The specified log stream does not exist.").WithStatus(400)
}

func errNoResource() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "The specified resource does not exist.").WithStatus(400)
}

func errExists(what string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ResourceAlreadyExistsException", "The specified log %s already exists", what).WithStatus(400)
}
