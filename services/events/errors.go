package events

import "sundog/cloud"

func errValidation(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationException", format, args...)
}

func errNoBus(bus string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Event bus %s does not exist.", bus)
}

func errNoRule(n, bus string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Rule %s does not exist on EventBus %s.", n, bus)
}

func errExists(bus string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ResourceAlreadyExistsException", "Event bus %s already exists.", bus)
}

func errLimit() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "LimitExceededException", "The requested resource exceeds the maximum number allowed.")
}

func errPattern(err error) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidEventPatternException", "%s", err.Error())
}
