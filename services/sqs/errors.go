package sqs

import "sundog/cloud"

// The errors that the SQS API reference documents, worded as the service words them.

func errNoQueue() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "QueueDoesNotExist", "The specified queue does not exist.").WithStatus(400).
		InQuery("", "The specified queue does not exist for this wsdl version.")
}

func errAddress(url string) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "InvalidAddress", "The address %s is not valid for this endpoint.", url).WithStatus(404)
}

func errExists(attribute string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", attribute)
}

func errParameter(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidParameterValueException", format, args...).InQuery("InvalidParameterValue", "")
}

// errValue words a bad parameter: "Value V for parameter P is invalid. Reason: R".
func errValue(value any, parameter, reason string) *cloud.Error {
	return errParameter("Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func errMissing(parameter string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "MissingRequiredParameterException", "The request must contain the parameter %s.", parameter).InQuery("MissingParameter", "")
}

func errDeletedRecently() *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
}

func errAttributeName(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidAttributeName", format, args...)
}

func errAttributeValue(attribute, reason string) *cloud.Error {
	text := "Invalid value for the parameter " + attribute + "."
	if reason != "" {
		text += " Reason: " + reason
	}
	return cloud.Errorf(cloud.Invalid, "InvalidAttributeValue", "%s", text)
}

func errReceipt(handle string) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "ReceiptHandleIsInvalid", `The input receipt handle "%s" is not a valid receipt handle.`, handle)
}

func errReceiptExpired(handle string) *cloud.Error {
	return errValue(handle, "ReceiptHandle", "The receipt handle has expired.")
}

func errNotInflight() *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "MessageNotInflight", "The message referred to isn't in flight.")
}

func errOverLimit(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Throttled, "OverLimit", format, args...).WithStatus(403)
}

// allowedCharacters are those of XML 1.0, as the service words them.
const allowedCharacters = "the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."

func errContents(bad rune) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidMessageContents", "Invalid binary character '#x%X' was found in the message body, %s", bad, allowedCharacters)
}

func errAttributeContents(attribute string, bad rune) *cloud.Error {
	return errParameter("Invalid binary character '#x%X' was found in the value of message (user) attribute '%s', %s", bad, attribute, allowedCharacters)
}

// errQueueType refuses a parameter that the other type of queue has.
func errQueueType(value any, parameter string) *cloud.Error {
	return errValue(value, parameter, "The request include parameter that is not valid for this queue type.")
}

func errPurging(queue string) *cloud.Error {
	return cloud.Errorf(cloud.Conflict, "PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.", queue).WithStatus(403)
}

func errResource(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", format, args...).WithStatus(404)
}

func errAttributes(n int) *cloud.Error {
	return errParameter("Number of message attributes [%d] exceeds the allowed maximum [%d].", n, maxAttributes)
}
