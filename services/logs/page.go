package logs

import (
	"encoding/base64"
	"slices"
	"strings"
)

// page sorts a list by key and cuts it: what follows the token, at most limit, and the token for the rest. The token is the last key that was
// given, so that it holds when the list changes between pages.
func page[T any](all []T, token *string, limit int, descending bool, key func(T) string) (out []T, next *string, err error) {
	order := func(a, b string) int {
		if descending {
			a, b = b, a
		}
		return strings.Compare(a, b)
	}
	slices.SortFunc(all, func(a, b T) int { return order(key(a), key(b)) })
	if text(token) != "" {
		last, err := base64.URLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, errParameter("The specified nextToken is invalid.")
		}
		i, found := slices.BinarySearchFunc(all, string(last), func(v T, k string) int { return order(key(v), k) })
		if found {
			i++
		}
		all = all[i:]
	}
	if len(all) <= limit {
		return all, nil, nil
	}
	return all[:limit], new(base64.URLEncoding.EncodeToString([]byte(key(all[limit-1])))), nil
}
