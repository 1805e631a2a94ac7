package iam

import "encoding/base64"

const (
	defaultPage = 100
	maxPage     = 1000
)

// page cuts a sorted list after the item that a marker names. The marker is the last item's name, so a list that changes between two
// pages neither repeats nor skips what stays.
func page[T any](items []T, name func(T) string, marker *string, limit *int32) (part []T, truncated *bool, next *string, err error) {
	n := defaultPage
	if limit != nil {
		if n = int(*limit); n < 1 || n > maxPage {
			return nil, nil, nil, errValidation("1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000", n)
		}
	}
	if text(marker) != "" {
		after, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, nil, errValidation("Invalid Marker.")
		}
		for len(items) > 0 && name(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	more := len(items) > n
	if more {
		items = items[:n]
		m := base64.RawURLEncoding.EncodeToString([]byte(name(items[n-1])))
		next = &m
	}
	return items, &more, next, nil
}
