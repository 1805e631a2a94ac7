package s3

import (
	"errors"
	"io"

	"sundog/cloud"
)

// The errors that the S3 API reference documents ("Error responses"), worded as the service words them.

func fault(status int, code, format string, args ...any) *cloud.Error {
	kind := cloud.Invalid
	switch status {
	case 403:
		kind = cloud.Denied
	case 404:
		kind = cloud.NotFound
	case 409:
		kind = cloud.Conflict
	}
	return cloud.Errorf(kind, code, format, args...).WithStatus(status)
}

func errNoBucket(name string) *cloud.Error {
	return fault(404, "NoSuchBucket", "The specified bucket does not exist").With("BucketName", name)
}

func errNoKey(key string) *cloud.Error {
	return fault(404, "NoSuchKey", "The specified key does not exist.").With("Key", key)
}

func errNoVersion(key, version string) *cloud.Error {
	return fault(404, "NoSuchVersion", "The specified version does not exist.").With("Key", key).With("VersionId", version)
}

func errNoUpload(id string) *cloud.Error {
	return fault(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").With("UploadId", id)
}

func errArgument(name, value, format string, args ...any) *cloud.Error {
	return fault(400, "InvalidArgument", format, args...).With("ArgumentName", name).With("ArgumentValue", value)
}

func errRequest(format string, args ...any) *cloud.Error {
	return fault(400, "InvalidRequest", format, args...)
}

func errXML() *cloud.Error {
	return fault(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func errDenied() *cloud.Error { return fault(403, "AccessDenied", "Access Denied") }

func errPrecondition(condition string) *cloud.Error {
	return fault(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold").With("Condition", condition)
}

func errNotModified() *cloud.Error { return fault(304, "NotModified", "Not Modified") }

func errRange(asked string, size int64) *cloud.Error {
	return fault(416, "InvalidRange", "The requested range is not satisfiable").With("ActualObjectSize", size).With("RangeRequested", asked)
}

func errMarker(method string) *cloud.Error {
	return fault(405, "MethodNotAllowed", "The specified method is not allowed against this resource.").With("Method", method).With("ResourceType", "DeleteMarker")
}

func errHeader(header, value, more string) *cloud.Error {
	return fault(501, "NotImplemented", "A header you provided implies functionality that is not implemented").
		With("Header", header).With("additionalMessage", more).With("Value", value)
}

func errTooLarge(size int64) *cloud.Error {
	return fault(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").With("MaxSizeAllowed", int64(maxBody)).With("ProposedSize", size)
}

func errPart() *cloud.Error {
	return fault(400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
}

// errBody is the error of a body that ended otherwise than it should.
func errBody(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	return err
}
