package s3

import (
	"encoding/binary"
	"encoding/json"
	"time"

	api "sundog/api/s3"
	"sundog/engine/store"
)

// object is the row of one version of an object, or of a delete marker.
type object struct {
	Key     string            `json:"-"` // in the row's key
	Version string            `json:"v,omitempty"`
	Seq     uint64            `json:"q"`
	Marker  bool              `json:"dm,omitempty"`
	Size    int64             `json:"n,omitempty"`
	ETag    string            `json:"e,omitempty"` // without quotes
	Time    int64             `json:"t"`           // unix milliseconds
	Retired int64             `json:"r,omitempty"` // when it became noncurrent
	Blob    string            `json:"b,omitempty"` // "" when it is made of pieces
	Upload  string            `json:"u,omitempty"` // whose pieces it is made of
	Parts   int32             `json:"p,omitempty"` // how many
	Sum     checksum          `json:"s,omitzero"`
	Head    headers           `json:"h,omitzero"`
	Meta    map[string]string `json:"m,omitempty"`
	Tags    []api.Tag         `json:"g,omitempty"`
	Class   string            `json:"c,omitempty"` // "" is STANDARD
	Seal    seal              `json:"x,omitzero"`
}

// headers are the system metadata that a client sets.
type headers struct {
	Type        string `json:"t,omitempty"`
	Cache       string `json:"c,omitempty"`
	Disposition string `json:"d,omitempty"`
	Encoding    string `json:"e,omitempty"`
	Language    string `json:"l,omitempty"`
	Expires     string `json:"x,omitempty"`
	Redirect    string `json:"r,omitempty"`
}

// seal is how an object says that it is encrypted.
type seal struct {
	Algorithm string `json:"a,omitempty"` // "" is AES256
	Key       string `json:"k,omitempty"`
	BucketKey bool   `json:"b,omitempty"`
	Context   string `json:"c,omitempty"`
}

func (s seal) algorithm() *string {
	if s.Algorithm == "" {
		return new("AES256")
	}
	return &s.Algorithm
}

func (s seal) bucketKey() *bool {
	if s.BucketKey {
		return new(true)
	}
	return nil
}

func (o *object) etag() *string { return new(`"` + o.ETag + `"`) }

func (o *object) class() string {
	if o.Class == "" {
		return "STANDARD"
	}
	return o.Class
}

func (o *object) modified() time.Time { return time.UnixMilli(o.Time).UTC() }

// name is the version's id as listings show it.
func (o *object) name() string {
	if o.Version == "" {
		return null
	}
	return o.Version
}

// named is the version's id as answers on buckets that have versions show it; else nil.
func (o *object) named(b *bucket) *string {
	if !b.versioned() {
		return nil
	}
	return new(o.name())
}

func decodeObject(key string, v []byte) (*object, error) {
	o := &object{Key: key}
	return o, json.Unmarshal(v, o)
}

func put(tx store.Tx, k store.Key, record any) error {
	v, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return tx.Put(k, v)
}

// current gives the current version and nil when there is none or it is a delete marker.
func current(rd store.Reader, bucket, key string) (*object, error) {
	v, err := rd.Get(objectKey(bucket, key))
	if err != nil || v == nil {
		return nil, err
	}
	return decodeObject(key, v)
}

// newest gives the newest row of "version", nil when there is none.
func newest(rd store.Reader, bucket, key string) (*object, error) {
	it := rd.Scan(store.Prefix(versionsKey(bucket, key)))
	defer func() { _ = it.Close() }()
	if !it.Next() {
		return nil, it.Err()
	}
	return decodeObject(key, it.Value())
}

// find gives one version of a key and whether it is the current one; nil when it is absent. "" stands for the newest version, which may be a delete
// marker.
func find(rd store.Reader, b *bucket, key, version string) (o *object, isCurrent bool, err error) {
	if o, err = current(rd, b.Name, key); err != nil {
		return nil, false, err
	}
	if o != nil && (version == "" || version == o.name()) {
		return o, true, nil
	}
	if !b.versioned() {
		return nil, false, nil
	}
	if version == "" {
		o, err = newest(rd, b.Name, key)
		return o, o != nil, err
	}
	seq, ok, err := placeOf(rd, b.Name, key, version)
	if err != nil || !ok {
		return nil, false, err
	}
	v, err := rd.Get(versionKey(b.Name, key, seq))
	if err != nil || v == nil {
		return nil, false, err
	}
	if o, err = decodeObject(key, v); err != nil || o.name() != version {
		return nil, false, err
	}
	return o, false, nil
}

// placeOf gives the seq of a version that is not in "object".
func placeOf(rd store.Reader, bucket, key, version string) (seq uint64, ok bool, err error) {
	if version != null {
		seq, ok = seqOf(version)
		return seq, ok, nil
	}
	v, err := rd.Get(nullKey(bucket, key))
	if err != nil || len(v) != 8 {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(v), true, nil
}

// rewrite puts a changed version back where it is.
func rewrite(tx store.Tx, bucket string, o *object, isCurrent bool) error {
	if isCurrent && !o.Marker {
		return put(tx, objectKey(bucket, o.Key), o)
	}
	return put(tx, versionKey(bucket, o.Key, o.Seq), o)
}

// retire moves a version into "version".
func retire(tx store.Tx, bucket string, o *object) error {
	if o.Version == "" {
		if err := tx.Put(nullKey(bucket, o.Key), binary.BigEndian.AppendUint64(nil, o.Seq)); err != nil {
			return err
		}
	}
	return put(tx, versionKey(bucket, o.Key, o.Seq), o)
}

// unretire takes a version out of "version".
func unretire(tx store.Tx, bucket string, o *object) error {
	if o.Version == "" {
		if err := tx.Delete(nullKey(bucket, o.Key)); err != nil {
			return err
		}
	}
	return tx.Delete(versionKey(bucket, o.Key, o.Seq))
}

// promote makes the newest version current again after the current one went, unless it is a delete marker.
func promote(tx store.Tx, bucket, key string) error {
	o, err := newest(tx, bucket, key)
	if err != nil || o == nil || o.Marker {
		return err
	}
	if err := unretire(tx, bucket, o); err != nil {
		return err
	}
	o.Retired = 0
	return put(tx, objectKey(bucket, key), o)
}
