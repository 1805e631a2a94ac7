package s3

import (
	"strings"
	"time"
)

// readCondition are the conditions of a read (RFC 9110, section 13; User Guide, "Conditional requests").
type readCondition struct {
	match, noneMatch               *string
	modifiedSince, unmodifiedSince *time.Time
}

// judge gives an error when o must not be given. now bounds If-Modified-Since: a time in the future is no condition.
func (c readCondition) judge(o *object, now time.Time) error {
	modified := o.modified().Truncate(time.Second)
	switch {
	case c.match != nil:
		if !matches(*c.match, o.ETag) {
			return errPrecondition("If-Match")
		}
	case c.unmodifiedSince != nil && modified.After(*c.unmodifiedSince):
		return errPrecondition("If-Unmodified-Since")
	}
	switch {
	case c.noneMatch != nil:
		if matches(*c.noneMatch, o.ETag) {
			return errNotModified()
		}
	case c.modifiedSince != nil && !modified.After(*c.modifiedSince) && !c.modifiedSince.After(now):
		return errNotModified()
	}
	return nil
}

// source judges the conditions of a copy's source, all of which fail in one way.
func (c readCondition) source(o *object, now time.Time) error {
	err := c.judge(o, now)
	if err == nil {
		return nil
	}
	for _, x := range []struct {
		given bool
		name  string
	}{
		{c.match != nil, "x-amz-copy-source-If-Match"}, {c.unmodifiedSince != nil, "x-amz-copy-source-If-Unmodified-Since"},
		{c.noneMatch != nil, "x-amz-copy-source-If-None-Match"}, {c.modifiedSince != nil, "x-amz-copy-source-If-Modified-Since"},
	} {
		if x.given {
			return errPrecondition(x.name)
		}
	}
	return err
}

// matches tells whether a list of entity tags names one. Tags may come without quotes, as some clients send them.
func matches(list, etag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || strings.Trim(part, `"`) == etag {
			return true
		}
	}
	return false
}

// writeCondition are the conditions of a write (User Guide, "Conditional writes").
type writeCondition struct{ match, noneMatch *string }

func (c writeCondition) check() error {
	switch {
	case c.match != nil && c.noneMatch != nil:
		return errHeader("If-Match,If-None-Match", *c.match+","+*c.noneMatch, "Multiple conditional request headers present in the request")
	case c.noneMatch != nil && *c.noneMatch != "*":
		return errHeader("If-None-Match", *c.noneMatch, "We don't accept the provided value of If-None-Match header for this API")
	case c.match != nil && *c.match == "*":
		return errHeader("If-Match", "*", "We don't accept the provided value of If-Match header for this API")
	}
	return nil
}

// judge gives an error when the key must not be written. old is its current version, or nil.
func (c writeCondition) judge(key string, old *object) error {
	switch {
	case c.noneMatch != nil && old != nil:
		return errPrecondition("If-None-Match")
	case c.match != nil && old == nil:
		return errNoKey(key)
	case c.match != nil && !matches(*c.match, old.ETag):
		return errPrecondition("If-Match")
	}
	return nil
}
