package sfn

import "sundog/cloud"

// The errors of the Step Functions API reference, worded as the service words them.

func errNoMachine(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
}

func errMachineExists(arn string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "StateMachineAlreadyExists", "State Machine Already Exists: '%s'", arn)
}

func errMachineDeleting(arn string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "StateMachineDeleting", "State Machine is being deleted: '%s'", arn)
}

func errNoExecution(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
}

func errExecutionExists(arn string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ExecutionAlreadyExists", "Execution Already Exists: '%s'", arn)
}

func errNoActivity(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ActivityDoesNotExist", "Activity Does Not Exist: '%s'", arn)
}

func errName(name string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidName", "Invalid Name: '%s'", name)
}

func errARN(arn string) *cloud.Error {
	if _, err := cloud.ParseARN(arn); err != nil {
		return cloud.Errorf(cloud.Invalid, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", arn)
	}
	return cloud.Errorf(cloud.Invalid, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: %s'", arn)
}

func errDefinition(text string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidDefinition", "%s", text)
}

func errInput(reason string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidExecutionInput", "Invalid State Machine Execution Input: '%s'", reason)
}

func errOutput(reason string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidOutput", "Invalid Output: '%s'", reason)
}

func errToken() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidToken", "Invalid Token: 'Invalid token'")
}

func errTaskGone() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
}

func errType() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

func errValidation(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ValidationException", format, args...)
}

func errMissing(text string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "MissingRequiredParameter", "%s", text)
}

func errConflict(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "ConflictException", format, args...)
}

func errNoResource(arn string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFound", "Resource not found: '%s'", arn)
}

func errLogging(reason string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidLoggingConfiguration", "Invalid Logging Configuration: %s", reason)
}

func errTooManyTags(arn string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "TooManyTags", "You've exceeded the number of tags allowed for a resource: '%s'", arn)
}
