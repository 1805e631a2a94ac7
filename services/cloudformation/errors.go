package cloudformation

import (
	"errors"

	"sundog/cloud"
	"sundog/lang/cfn"
)

func errValidation(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationError", format, args...)
}

func errNoStack(id string) *cloud.Error { return errValidation("Stack with id %s does not exist", id) }

func errStackGone(id string) *cloud.Error { return errValidation("Stack [%s] does not exist", id) }

func errExists(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "AlreadyExistsException", format, args...)
}

func errNoChangeSet(id string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ChangeSetNotFound", "ChangeSet [%s] does not exist", id)
}

func errChangeSetStatus(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidChangeSetStatus", format, args...)
}

func errCapabilities(c string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InsufficientCapabilitiesException", "Requires capabilities : [%s]", c)
}

// templateError turns a template's fault into a ValidationError, and what is not done into a refusal.
func templateError(err error) error {
	var e *cfn.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.NotDone {
		return cloud.NotImplementedf("%s.", e.Message)
	}
	return errValidation("%s", e.Message)
}

// reason is what a stack event says of an error.
func reason(err error) string {
	var e *cloud.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
