package iam

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	api "sundog/api/iam"
	"sundog/cloud"
	"sundog/engine/store"
)

// base is what every record has. Created is in Unix seconds.
type base struct {
	Name    string            `json:"name"`
	Path    string            `json:"path"`
	ID      string            `json:"id"`
	Created int64             `json:"created"`
	Tags    map[string]string `json:"tags,omitempty"`
}

func (b *base) common() *base { return b }

// grants are the policies of a role, user or group: inline documents by name, and the ARNs of managed policies in the order in which
// they were attached.
type grants struct {
	Inline   map[string]string `json:"inline,omitempty"`
	Attached []string          `json:"attached,omitempty"`
}

func (g *grants) granted() *grants { return g }

// record is a pointer to a kind of record.
type record[T any] interface {
	*T
	common() *base
}

// table is the records of one kind.
type table[T any, P record[T]] struct {
	kind  string // the table's name and the ARN's resource type
	arn   string // the ARN's resource type where it differs
	title string // in messages
}

func (t table[T, P]) resource() string {
	if t.arn != "" {
		return t.arn
	}
	return t.kind
}

func (t table[T, P]) arnOf(account string, r P) string {
	b := r.common()
	return arnOf(account, t.resource(), b.Path, b.Name).String()
}

func (t table[T, P]) missing(name string) *cloud.Error {
	return errNoEntity("The %s with name %s cannot be found.", t.title, name)
}

// find gives a record, or nil when it is absent.
func (t table[T, P]) find(r store.Reader, account, name string) (P, error) {
	raw, err := r.Get(rowKey(t.kind, account, name))
	if err != nil || raw == nil {
		return nil, err
	}
	v := P(new(T))
	return v, json.Unmarshal(raw, v)
}

// get gives a record; an absent one is NoSuchEntity.
func (t table[T, P]) get(r store.Reader, account, name string) (P, error) {
	v, err := t.find(r, account, name)
	if err == nil && v == nil {
		return nil, t.missing(name)
	}
	return v, err
}

func (t table[T, P]) put(tx store.Tx, account string, v P) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(rowKey(t.kind, account, v.common().Name), raw)
}

// create writes a new record; one of that name is EntityAlreadyExists.
func (t table[T, P]) create(tx store.Tx, account string, v P) error {
	name := v.common().Name
	old, err := t.find(tx, account, name)
	if err != nil {
		return err
	}
	if old != nil {
		return errExists("%s with name %s already exists.", strings.ToUpper(t.title[:1])+t.title[1:], name)
	}
	return t.put(tx, account, v)
}

func (t table[T, P]) remove(tx store.Tx, account, name string) error {
	return tx.Delete(rowKey(t.kind, account, name))
}

// each calls f with every record of an account, by name.
func (t table[T, P]) each(r store.Reader, account string, f func(P) error) error {
	it := r.Scan(store.Prefix(tableKey(t.kind, account)))
	for it.Next() {
		v := P(new(T))
		if err := json.Unmarshal(it.Value(), v); err != nil {
			return joinClose(it, err)
		}
		if err := f(v); err != nil {
			return joinClose(it, err)
		}
	}
	return joinClose(it, it.Err())
}

func joinClose(it store.Iterator, err error) error {
	if cerr := it.Close(); err == nil {
		return cerr
	}
	return err
}

// change reads a record, lets f change it, and writes it back.
func (t table[T, P]) change(ctx context.Context, r *iamRoom, account, name string, f func(store.Tx, P) error) error {
	return r.update(ctx, func(tx store.Tx) error {
		v, err := t.get(tx, account, name)
		if err != nil {
			return err
		}
		if err := f(tx, v); err != nil {
			return err
		}
		return t.put(tx, account, v)
	})
}

// read gives a record by its own View.
func (t table[T, P]) read(ctx context.Context, r *iamRoom, account, name string) (v P, err error) {
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		v, err = t.get(tx, account, name)
		return err
	})
	return v, err
}

// all gives the records below a path, by name.
func (t table[T, P]) all(ctx context.Context, r *iamRoom, account, path string) ([]P, error) {
	var out []P
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		out = nil
		return t.each(tx, account, func(v P) error {
			if strings.HasPrefix(v.common().Path, path) {
				out = append(out, v)
			}
			return nil
		})
	})
	return out, err
}

// newBase makes what every new record has.
func (r *iamRoom) newBase(prefix string, name, path *string, tags []api.Tag) (base, error) {
	b := base{Name: text(name), Path: "/", ID: prefix + r.d.IDs.Alnum(17), Created: r.d.Clock.Now().Unix()}
	if text(path) != "" {
		b.Path = *path
	}
	if b.Name == "" || len(b.Name) > 128 || strings.ContainsFunc(b.Name, func(c rune) bool { return !nameRune(c) }) {
		return b, errValidation("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", nameMember(prefix))
	}
	if b.Path[0] != '/' || b.Path[len(b.Path)-1] != '/' || len(b.Path) > 512 || strings.Contains(b.Path, "//") {
		return b, errValidation("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return b, b.tag(tags)
}

// nameMember gives the input member that names a record, by the prefix of its ids.
func nameMember(prefix string) string {
	switch prefix {
	case "AROA":
		return "roleName"
	case "AIDA":
		return "userName"
	case "AGPA":
		return "groupName"
	case "ANPA":
		return "policyName"
	case "AIPA":
		return "instanceProfileName"
	}
	return "name"
}

func nameRune(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("+=,.@_-", c)
}

const maxTags = 50

func (b *base) tag(tags []api.Tag) error {
	for _, t := range tags {
		if text(t.Key) == "" || len(*t.Key) > 128 || len(text(t.Value)) > 256 {
			return errInput("Tag keys have 1 to 128 characters and tag values at most 256.")
		}
		if b.Tags == nil {
			b.Tags = map[string]string{}
		}
		b.Tags[*t.Key] = text(t.Value)
	}
	if len(b.Tags) > maxTags {
		return errLimit("The number of tags has reached the maximum limit.")
	}
	return nil
}

func (b *base) untag(keys []string) {
	for _, k := range keys {
		delete(b.Tags, k)
	}
}

func (b *base) tagList() []api.Tag {
	var out []api.Tag
	for _, k := range slices.Sorted(maps.Keys(b.Tags)) {
		out = append(out, api.Tag{Key: &k, Value: new(b.Tags[k])})
	}
	return out
}

func (b *base) created() *time.Time {
	t := time.Unix(b.Created, 0).UTC()
	return &t
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
