package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	api "sundog/api/s3"
	"sundog/engine/store"
)

const maxPage = 1000

// pageSize reads max-keys and its like; more than a page holds is a page.
func pageSize(name string, n *int32) (int, error) {
	if n == nil {
		return maxPage, nil
	}
	if *n < 0 {
		return 0, errArgument(name, fmt.Sprint(*n), "Argument %s must be an integer between 0 and 2147483647", name)
	}
	return min(int(*n), maxPage), nil
}

// encoder gives how keys are written in a listing.
func encoder(encoding *string) (func(string) *string, error) {
	switch text(encoding) {
	case "":
		if encoding == nil {
			return func(s string) *string { return &s }, nil
		}
	case "url":
		return func(s string) *string { return new(escapeKey(s)) }, nil
	}
	return nil, errArgument("encoding-type", *encoding, "Invalid Encoding Method specified in Request")
}

var unescape = strings.NewReplacer("%2F", "/", "%2A", "*")

// escapeKey writes a key as listings (encoding-type url) and notifications have it.
func escapeKey(key string) string { return unescape.Replace(url.QueryEscape(key)) }

func newToken(s string) *string { return new(base64.RawURLEncoding.EncodeToString([]byte("1" + s))) }

func readToken(t *string) (string, error) {
	if t == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*t)
	if err != nil || len(b) == 0 || b[0] != '1' {
		return "", errArgument("continuation-token", *t, "The continuation token provided is incorrect")
	}
	return string(b[1:]), nil
}

// listing is a question for keys in order.
type listing struct {
	prefix, delimiter, after string
	limit                    int
}

// group gives the common prefix that a key falls under; false when it stands for itself.
func (l listing) group(key string) (string, bool) {
	if l.delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(l.prefix):], l.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.prefix)+i+len(l.delimiter)], true
}

// begin puts an iterator over a table's rows behind l.after. What falls under a common prefix that the last page gave, or that holds the key after
// which to begin, is passed over.
func (l listing) begin(it store.Iterator, base store.Key) {
	if l.after == "" || !strings.HasPrefix(l.after, l.prefix) {
		if l.after > l.prefix {
			it.Seek(append(base.Clone().Str(l.after), 0))
		}
		return
	}
	if g, ok := l.group(l.after); ok {
		l.pass(it, base, g)
		return
	}
	it.Seek(append(base.Clone().Str(l.after), 0))
}

// pass puts an iterator behind all keys with a prefix.
func (l listing) pass(it store.Iterator, base store.Key, prefix string) {
	it.Seek(textPrefix(base.Clone(), prefix).End())
}

// found is a page of a listing.
type found struct {
	objects  []*object
	prefixes []string
	last     string // the last key or prefix of the page
	more     bool
}

func (f *found) full(limit int) bool { return len(f.objects)+len(f.prefixes) == limit }

// list gives the current objects of a bucket.
func list(rd store.Reader, bucket string, l listing) (f found, err error) {
	if l.limit == 0 {
		return f, nil
	}
	base := table(bucket, "object")
	it := rd.Scan(store.Prefix(textPrefix(base.Clone(), l.prefix)))
	defer func() { _ = it.Close() }()
	l.begin(it, base)
	for it.Next() {
		key, _, err := store.CutStr(it.Key()[len(base):])
		if err != nil {
			return f, err
		}
		if f.full(l.limit) {
			f.more = true
			return f, nil
		}
		if g, ok := l.group(key); ok {
			f.prefixes, f.last = append(f.prefixes, g), g
			l.pass(it, base, g)
			continue
		}
		o, err := decodeObject(key, it.Value())
		if err != nil {
			return f, err
		}
		f.objects, f.last = append(f.objects, o), key
	}
	return f, it.Err()
}

func (r *s3Room) list(ctx context.Context, name, owner *string, l listing) (b *bucket, f found, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		if b, err = open(rd, name, owner); err != nil {
			return err
		}
		f, err = list(rd, b.Name, l)
		return err
	})
	return b, f, err
}

func contents(f found, code func(string) *string, owner *api.Owner) []api.Object {
	var out []api.Object
	for _, o := range f.objects {
		out = append(out, api.Object{
			Key: code(o.Key), LastModified: new(o.modified()), ETag: o.etag(), ChecksumAlgorithm: o.Sum.algorithms(), ChecksumType: o.Sum.kind(), Size: &o.Size,
			StorageClass: new(o.class()), Owner: owner,
		})
	}
	return out
}

func (c checksum) algorithms() []string {
	if c.Algorithm == "" {
		return nil
	}
	return []string{c.Algorithm}
}

func commonPrefixes(prefixes []string, code func(string) *string) []api.CommonPrefix {
	var out []api.CommonPrefix
	for _, p := range prefixes {
		out = append(out, api.CommonPrefix{Prefix: code(p)})
	}
	return out
}

// coded writes a parameter back, unless it was not given or is empty.
func coded(p *string, code func(string) *string) *string {
	if text(p) == "" {
		return nil
	}
	return code(*p)
}

func (r *s3Room) listObjects(ctx context.Context, in *api.ListObjectsInput) (*api.ListObjectsOutput, error) {
	code, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("max-keys", in.MaxKeys)
	if err != nil {
		return nil, err
	}
	b, f, err := r.list(ctx, in.Bucket, in.ExpectedBucketOwner, listing{text(in.Prefix), text(in.Delimiter), text(in.Marker), limit})
	if err != nil {
		return nil, err
	}
	out := &api.ListObjectsOutput{
		Name: &b.Name, Prefix: code(text(in.Prefix)), Marker: code(text(in.Marker)), Delimiter: coded(in.Delimiter, code), MaxKeys: new(int32(limit)),
		EncodingType: in.EncodingType, IsTruncated: &f.more, Contents: contents(f, code, ownerOf(b.Owner)), CommonPrefixes: commonPrefixes(f.prefixes, code),
	}
	if f.more && text(in.Delimiter) != "" {
		out.NextMarker = code(f.last)
	}
	return out, nil
}

func (r *s3Room) listObjectsV2(ctx context.Context, in *api.ListObjectsV2Input) (*api.ListObjectsV2Output, error) {
	code, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("max-keys", in.MaxKeys)
	if err != nil {
		return nil, err
	}
	after, err := readToken(in.ContinuationToken)
	if err != nil {
		return nil, err
	}
	if in.ContinuationToken == nil {
		after = text(in.StartAfter)
	} else if *in.ContinuationToken == "" {
		return nil, errArgument("continuation-token", "", "The continuation token provided is incorrect")
	}
	b, f, err := r.list(ctx, in.Bucket, in.ExpectedBucketOwner, listing{text(in.Prefix), text(in.Delimiter), after, limit})
	if err != nil {
		return nil, err
	}
	var owner *api.Owner
	if is(in.FetchOwner) {
		owner = ownerOf(b.Owner)
	}
	out := &api.ListObjectsV2Output{
		Name: &b.Name, Prefix: code(text(in.Prefix)), Delimiter: coded(in.Delimiter, code), MaxKeys: new(int32(limit)), StartAfter: coded(in.StartAfter, code),
		EncodingType: in.EncodingType, IsTruncated: &f.more, Contents: contents(f, code, owner), CommonPrefixes: commonPrefixes(f.prefixes, code),
		KeyCount: new(int32(len(f.objects) + len(f.prefixes))), ContinuationToken: in.ContinuationToken,
	}
	if f.more {
		out.NextContinuationToken = newToken(f.last)
	}
	return out, nil
}
