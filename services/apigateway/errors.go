package apigateway

import "sundog/cloud"

func errNotFound(kind, id string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "NotFoundException", "Invalid %s identifier specified %s", kind, id).WithStatus(404)
}

func errBad(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "BadRequestException", format, args...).WithStatus(400)
}

func errConflict(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ConflictException", format, args...).WithStatus(409)
}
