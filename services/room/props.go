package room

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sundog/cloud"
)

// Get decodes one property into v; false when it is absent or null.
func (p Props) Get(name string, v any) (bool, error) {
	raw, ok := p[name]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	return true, json.Unmarshal(raw, v)
}

// Text gives a property that is a text, number or boolean, as text; "" when it is absent.
func (p Props) Text(name string) string {
	raw, ok := p[name]
	if !ok || string(raw) == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// Changed tells whether any of the properties differs between old and new.
func (r Request) Changed(names ...string) bool {
	for _, n := range names {
		if string(r.Old[n]) != string(r.New[n]) {
			return true
		}
	}
	return false
}

// MergedTags gives the Tags property (a list of Key and Value) over the stack's tags.
func (r Request) MergedTags(p Props) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range r.Tags {
		out[k] = v
	}
	var list []struct{ Key, Value string }
	if _, err := p.Get("Tags", &list); err != nil {
		return nil, err
	}
	for _, t := range list {
		out[t.Key] = t.Value
	}
	return out, nil
}

// TagChanges gives the tags to set, and the keys of those that were there before and are not any more.
func (r Request) TagChanges() (set map[string]string, gone []string, err error) {
	if set, err = r.MergedTags(r.New); err != nil {
		return nil, nil, err
	}
	old, err := r.MergedTags(r.Old)
	if err != nil {
		return nil, nil, err
	}
	for k := range old {
		if _, ok := set[k]; !ok {
			gone = append(gone, k)
		}
	}
	slices.Sort(gone)
	return set, gone, nil
}

// ListChanges gives what a list of texts has, and what it had before and has not any more.
func (r Request) ListChanges(name string) (now, gone []string, err error) {
	if _, err := r.New.Get(name, &now); err != nil {
		return nil, nil, err
	}
	var before []string
	if _, err := r.Old.Get(name, &before); err != nil {
		return nil, nil, err
	}
	for _, v := range before {
		if !slices.Contains(now, v) {
			gone = append(gone, v)
		}
	}
	return now, gone, nil
}

// Name makes a physical name as CloudFormation does: stack, logical id, and a part that is unique, at most limit characters.
func (r Request) Name(limit int) string {
	tail := strings.ToUpper(r.Token[max(0, len(r.Token)-12):])
	tail = strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
			return c
		}
		return 'X'
	}, tail)
	head := r.StackName + "-" + r.LogicalID
	if n := limit - len(tail) - 1; len(head) > n {
		head = head[:max(0, n)]
	}
	return head + "-" + tail
}

// Do calls an operation through the platform as the stack's principal. out may be nil.
func (d Deps) Do(ctx context.Context, service, op string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	reply, err := d.Caller.Call(ctx, cloud.CallFrom(ctx).Principal, service, op, b, nil)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(reply.Out, out)
}
