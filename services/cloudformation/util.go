package cloudformation

import (
	"encoding/json"
	"time"

	api "sundog/api/cloudformation"
)

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// text is for optional members: an empty one is left out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func set(p *bool) bool { return p != nil && *p }

func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func jsonBytes(v any) ([]byte, error) { return json.Marshal(v) }

func decode(b []byte, v any) error { return json.Unmarshal(b, v) }

func tagsOf(in []api.Tag) []tag {
	var out []tag
	for _, t := range in {
		out = append(out, tag{Key: str(t.Key), Value: str(t.Value)})
	}
	return out
}

func apiTags(in []tag) []api.Tag {
	var out []api.Tag
	for _, t := range in {
		out = append(out, api.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}
