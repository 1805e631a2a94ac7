package sfn

import (
	"bytes"
	"encoding/base64"

	"sundog/engine/store"
)

// tokenMark begins every page token of this room.
const tokenMark = "sfn1:"

// page walks rows of a prefix from a token on, up to max rows, and gives the token of the next page; nil at the end. visit tells
// whether the row counts.
func page(r store.Reader, prefix store.Key, reverse bool, max *int32, token *string, visit func(key, value []byte) (bool, error)) (*string, error) {
	limit := int(deref(max))
	if limit <= 0 || limit > 1000 {
		limit = 100
		if max != nil && *max > 1000 {
			limit = 1000
		}
	}
	o := store.Prefix(prefix)
	o.Reverse = reverse
	if token != nil && *token != "" {
		at, err := base64.RawURLEncoding.DecodeString(*token)
		key, ours := bytes.CutPrefix(at, []byte(tokenMark))
		if err != nil || !ours {
			return nil, errToken()
		}
		edge := append(prefix.Clone(), key...)
		if reverse {
			o.Hi = edge
		} else {
			o.Lo = append(edge, 0)
		}
	}
	var last []byte
	more, n := false, 0
	err := scan(r, o, len(prefix), func(key, value []byte) (bool, error) {
		if n == limit {
			more = true
			return false, nil
		}
		counts, err := visit(key, value)
		if counts {
			n++
			last = append(last[:0], key...)
		}
		return true, err
	})
	if err != nil || !more {
		return nil, err
	}
	return ptr(base64.RawURLEncoding.EncodeToString(append([]byte(tokenMark), last...))), nil
}
