package dynamodb

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// table is a table's record. It is shared and read-only once decoded.
type table struct {
	cloud.Scope
	Name          string
	ID            string // TableId
	Gen           uint64 // of its rows
	Created       time.Time
	Attributes    []attribute
	Key           ddbexpr.KeySchema
	Indexes       []index
	LastIndex     uint32 // the highest index number given out
	Billing       string // PROVISIONED or PAY_PER_REQUEST
	BillingChange time.Time
	Throughput    throughput
	Class         string
	OnDemand      *onDemand     `json:",omitempty"`
	Warm          *throughput   `json:",omitempty"`
	Encryption    *encryption   `json:",omitempty"`
	Protected     bool          `json:",omitempty"`
	Stream        *tableStream  `json:",omitempty"` // the enabled stream
	LastStream    string        `json:",omitempty"` // label of the newest stream, enabled or not
	TTL           timeToLive    `json:",omitzero"`
	Tags          cloudTags     `json:",omitempty"`
	Policy        string        `json:",omitempty"`
	StreamPolicy  string        `json:",omitempty"`
	Revision      policyVersion `json:",omitzero"`
}

type cloudTags = map[string]string

// policyVersion is the revision of the table's and of its stream's resource policy.
type policyVersion struct{ Table, Stream string }

type attribute struct {
	Name string
	Kind ddbexpr.Kind
}

type throughput struct{ Read, Write int64 }

type onDemand struct{ Read, Write int64 }

type encryption struct{ Type, KMSKey string }

// tableStream is what a writer needs to know of the table's stream.
type tableStream struct {
	Label, View string
	Gen         uint64
}

type timeToLive struct {
	Attribute string
	Enabled   bool
	Indexing  bool // the due index is being filled
	Changed   time.Time
}

// index is a secondary index.
type index struct {
	Name       string
	Number     uint32
	Global     bool
	Key        ddbexpr.KeySchema
	Projection string // ALL, KEYS_ONLY, INCLUDE
	Include    []string
	Throughput throughput
	OnDemand   *onDemand   `json:",omitempty"`
	Warm       *throughput `json:",omitempty"`
	Filling    bool        // entries of older items are being written
}

func (t *table) arn() cloud.ARN { return cloud.NewARN(roomName, t.Scope, "table/"+t.Name) }

func (t *table) index(name string) *index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// kind gives the defined type of a key attribute.
func (t *table) kind(name string) ddbexpr.Kind {
	for _, a := range t.Attributes {
		if a.Name == name {
			return a.Kind
		}
	}
	return ddbexpr.None
}

// clone gives a copy of the record that can be changed, except for the elements of tags.
func (t *table) clone() *table {
	c := *t
	c.Attributes = append([]attribute(nil), t.Attributes...)
	c.Indexes = append([]index(nil), t.Indexes...)
	return &c
}

// tables remembers decoded records by key. A record counts only as long as the row's bytes are the same: the row is read in every
// transaction, so nothing has to be invalidated.
type tables struct {
	mu sync.RWMutex
	m  map[string]cachedTable
}

type cachedTable struct {
	raw []byte
	t   *table
}

const maxCachedTables = 4096

func (c *tables) decode(key store.Key, raw []byte) (*table, error) {
	c.mu.RLock()
	hit, ok := c.m[string(key)]
	c.mu.RUnlock()
	if ok && bytes.Equal(hit.raw, raw) {
		return hit.t, nil
	}
	t := &table{}
	if err := json.Unmarshal(raw, t); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxCachedTables {
		c.m = map[string]cachedTable{}
	}
	c.m[string(key)] = cachedTable{raw, t}
	return t, nil
}

// ref names a table as a request does.
type ref struct {
	cloud.Scope
	Name string
}

func (r ref) arn() cloud.ARN { return cloud.NewARN(roomName, r.Scope, "table/"+r.Name) }

// refOf resolves TableName, which is a name or an ARN.
func refOf(ctx context.Context, name *string) (ref, error) {
	if name == nil {
		return ref{}, errNull("tableName")
	}
	if strings.HasPrefix(*name, "arn:") {
		return refOfARN(*name)
	}
	if err := checkName("tableName", *name); err != nil {
		return ref{}, err
	}
	return ref{cloud.CallFrom(ctx).Scope, *name}, nil
}

func refOfARN(s string) (ref, error) {
	a, err := cloud.ParseARN(s)
	if err != nil || a.Service != roomName {
		return ref{}, errInvalid("Invalid ARN: %s", s)
	}
	typ, id := a.ResourceType()
	name, _, _ := strings.Cut(id, "/")
	if typ != "table" || name == "" {
		return ref{}, errInvalid("Invalid ARN: %s", s)
	}
	return ref{a.Scope(), name}, nil
}

// load reads a table; nil when there is none.
func (s *service) load(r store.Reader, at ref) (*table, error) {
	key := tableKey(at.Scope, at.Name)
	raw, err := r.Get(key)
	if err != nil || raw == nil {
		return nil, err
	}
	return s.tables.decode(key, raw)
}

// open reads a table for an item operation.
func (s *service) open(r store.Reader, at ref) (*table, error) {
	t, err := s.load(r, at)
	if err == nil && t == nil {
		return nil, errNotFound()
	}
	return t, err
}

// find reads a table for a table operation.
func (s *service) find(r store.Reader, at ref) (*table, error) {
	t, err := s.load(r, at)
	if err == nil && t == nil {
		return nil, errNoTable(at.Name)
	}
	return t, err
}

func (s *service) save(tx store.Tx, t *table) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return tx.Put(tableKey(t.Scope, t.Name), raw)
}

// change reads a table, lets f change a copy, and writes it; the copy is returned.
func (s *service) change(ctx context.Context, at ref, f func(tx store.Tx, t *table) error) (*table, error) {
	var out *table
	err := s.update(ctx, func(tx store.Tx) error {
		t, err := s.find(tx, at)
		if err != nil {
			return err
		}
		t = t.clone()
		if err := f(tx, t); err != nil {
			return err
		}
		out = t
		return s.save(tx, t)
	})
	return out, err
}

// stats gives the number and size of the items in a table (index 0) or an index.
func (t *table) stats(r store.Reader, number uint32) (items, size int64, err error) {
	for shard := range 256 {
		n, err := counter(r, countKey(store.Shard(shard), t.Gen, number))
		if err != nil {
			return 0, 0, err
		}
		i, b := unpackCount(n)
		items, size = items+i, size+b
	}
	return items, size, nil
}

func counter(r store.Reader, key store.Key) (int64, error) {
	b, err := r.Get(key)
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}
