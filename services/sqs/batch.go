package sqs

import (
	"cmp"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/internal/pattern"
)

var batchID = pattern.New(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch checks the ids of a batch's entries.
func checkBatch[E any](entries []E, kind string, id func(*E) *string) error {
	if len(entries) == 0 {
		return cloud.Errorf(cloud.Invalid, "EmptyBatchRequest", "There should be at least one %s in the request.", kind)
	}
	if len(entries) > 10 {
		return cloud.Errorf(cloud.Invalid, "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", len(entries))
	}
	seen := map[string]bool{}
	for i := range entries {
		id := id(&entries[i])
		if !batchID.MatchString(text(id)) {
			return cloud.Errorf(cloud.Invalid, "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[*id] {
			return cloud.Errorf(cloud.Invalid, "BatchEntryIdsNotDistinct", "Id %s repeated.", *id)
		}
		seen[*id] = true
	}
	return nil
}

// failure is the entry of a batch's answer for one that failed. Its code is that of the query protocol, in both protocols.
func failure(id string, err error) api.BatchResultErrorEntry {
	e := cloud.AsError(err)
	code := e.Code
	if e.Query != nil {
		code = cmp.Or(e.Query.Code, code)
	}
	return api.BatchResultErrorEntry{Id: new(id), SenderFault: new(e.Kind != cloud.Internal && e.Kind != cloud.Unavailable), Code: new(code), Message: new(e.Message)}
}
