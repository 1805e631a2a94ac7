package dynamodb

import (
	"encoding/binary"
	"slices"
	"strings"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// maxPage is how much a Query or Scan reads at most, by the size of what it reads before filtering.
const maxPage = 1 << 20

// reading is a Query or Scan, ready to run.
type reading struct {
	at         ref
	indexName  string
	selects    string // Select, or ""
	limit      int
	consistent bool
	capacity   *string
	start      ddbexpr.Item // ExclusiveStartKey; nil: none
	reverse    bool
	filter     *ddbexpr.Condition
	filterName string // FilterExpression, QueryFilter
	projection *ddbexpr.Projection
	// condition gives the key condition of a Query; nil for a Scan.
	condition func(ddbexpr.KeySchema) (ddbexpr.KeyCondition, error)
	segment   int
	segments  int // 0: no parallel scan
}

// page is what a Query or Scan found.
type page struct {
	table   *table
	index   *index
	items   []map[string]api.AttributeValue
	count   int32
	scanned int32
	size    int // of all that was read
	fetched int // of what was read from the table for an index
	last    ddbexpr.Item
}

// selection checks Select against index and projection.
func (q *reading) selection() error {
	if err := checkEnum("select", &q.selects, "", "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"); err != nil {
		return errMember(q.selects, "select", "Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]")
	}
	switch {
	case q.selects == "ALL_PROJECTED_ATTRIBUTES" && q.indexName == "":
		return errInvalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case q.selects == "SPECIFIC_ATTRIBUTES" && q.projection == nil:
		return errInvalid("Must specify the %s when choosing to get SPECIFIC_ATTRIBUTES", q.projectionName())
	case q.projection != nil && q.selects != "" && q.selects != "SPECIFIC_ATTRIBUTES":
		what := q.selects
		if what == "COUNT" {
			what = "only the Count"
		}
		return errInvalid("Cannot specify the %s when choosing to get %s", q.projectionName(), what)
	}
	return nil
}

// projectionName is the parameter that holds the projection, in the form that the request uses.
func (q *reading) projectionName() string {
	if q.filterName == "FilterExpression" {
		return "ProjectionExpression"
	}
	return "AttributesToGet"
}

// read reads one page.
func (s *service) read(r store.Reader, q *reading) (*page, error) {
	t, err := s.open(r, q.at)
	if err != nil {
		return nil, err
	}
	p := &page{table: t}
	if q.indexName != "" {
		if p.index = t.index(q.indexName); p.index == nil {
			return nil, errValidation("The table does not have the specified index: %s", q.indexName)
		}
		if err := q.checkIndex(p.index, t); err != nil {
			return nil, err
		}
	}
	spans, err := q.spans(t, p.index)
	if err != nil {
		return nil, err
	}
	return p, q.walk(r, p, spans)
}

func (q *reading) checkIndex(ix *index, t *table) error {
	if !ix.Global {
		return nil
	}
	if q.consistent {
		return errValidation("Consistent reads are not supported on global secondary indexes")
	}
	if ix.Filling {
		return errValidation("Cannot read from backfilling global secondary index: %s", ix.Name)
	}
	if ix.Projection == "ALL" {
		return nil
	}
	if q.selects == "ALL_ATTRIBUTES" {
		return errInvalid("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", ix.Name)
	}
	var missing []string
	for _, name := range q.projection.Heads() {
		if !t.covers(ix, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return errInvalid("Global secondary index %s does not project [%s]", ix.Name, strings.Join(missing, ", "))
	}
	return nil
}

// covers tells whether an index has an attribute of the items.
func (t *table) covers(ix *index, name string) bool {
	return ix.Projection == "ALL" || t.Key.Has(name) || ix.Key.Has(name) || ix.Projection == "INCLUDE" && slices.Contains(ix.Include, name)
}

// span is a range of keys within one shard.
type span struct{ lo, hi []byte }

// spans gives what is to be read, in order, from the start key on.
func (q *reading) spans(t *table, ix *index) ([]span, error) {
	schema, number := t.Key, uint32(0)
	if ix != nil {
		schema, number = ix.Key, ix.Number
	}
	var start store.Key
	if q.start != nil {
		if err := t.checkStart(ix, q.start); err != nil {
			return nil, err
		}
		start = t.rowKey(ix, q.start)
	}
	if q.condition == nil {
		return q.segmentSpans(t.Gen, number, start)
	}
	kc, err := q.condition(schema)
	if err != nil {
		return nil, err
	}
	if err := q.checkFilter(schema); err != nil {
		return nil, err
	}
	sp := rangeOf(partitionKey(t.Gen, number, kc.Hash), kc)
	if start == nil {
		return []span{sp}, nil
	}
	if !q.start.Get(schema.Hash).Equal(kc.Hash) {
		return nil, errValidation("The provided starting key is outside query boundaries based on provided conditions")
	}
	if kc.Compare != ddbexpr.AnyRange && !kc.Holds(q.start.Get(schema.Range)) {
		return nil, errValidation("The provided starting key does not match the range key predicate")
	}
	if q.reverse {
		sp.hi = start
	} else {
		sp.lo = append(start, 0)
	}
	return []span{sp}, nil
}

// checkStart checks that a start key has the keys of the table and of the index, and nothing else.
func (t *table) checkStart(ix *index, start ddbexpr.Item) error {
	names := t.Key.Names()
	if ix != nil {
		for _, n := range ix.Key.Names() {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	if len(start) != len(names) {
		return errValidation("The provided starting key is invalid")
	}
	for _, n := range names {
		if v := start.Get(n); v.Kind == ddbexpr.None || v.Kind != t.kind(n) {
			return errValidation("The provided starting key is invalid: The provided key element does not match the schema")
		} else if v.Text == "" || len(v.Text) > maxHashKey {
			return errValidation("The provided starting key is invalid")
		}
	}
	return nil
}

// checkFilter checks that a query's filter leaves the key alone.
func (q *reading) checkFilter(schema ddbexpr.KeySchema) error {
	var err error
	q.filter.Walk(func(p ddbexpr.Path) {
		if err == nil && schema.Has(p.Head()) {
			what := "Filter Expression"
			if q.filterName != "FilterExpression" {
				what = q.filterName
			}
			err = errValidation("%s can only contain non-primary key attributes: Primary key attribute: %s", what, p.Head())
		}
	})
	return err
}

// rangeOf gives the keys of a partition that a key condition selects.
func rangeOf(partition store.Key, kc ddbexpr.KeyCondition) span {
	all := span{partition, partition.End()}
	if kc.Compare == ddbexpr.AnyRange {
		return all
	}
	at := func(v ddbexpr.Value) store.Key { return ddbexpr.AppendOrdered(partition.Clone(), v) }
	low := at(kc.Low)
	switch kc.Compare {
	case ddbexpr.EqualTo:
		return span{low, low.End()}
	case ddbexpr.LessThan:
		all.hi = low
	case ddbexpr.AtMost:
		all.hi = low.End()
	case ddbexpr.GreaterThan:
		all.lo = low.End()
	case ddbexpr.AtLeast:
		all.lo = low
	case ddbexpr.Between:
		return span{low, at(kc.High).End()}
	case ddbexpr.BeginsWith:
		prefix := store.Key(ddbexpr.AppendOrderedPrefix(partition.Clone(), kc.Low.Text))
		return span{prefix, prefix.End()}
	}
	return all
}

// segmentSpans gives the rows of a segment: its share of the hashes, shard by shard.
func (q *reading) segmentSpans(gen uint64, number uint32, start store.Key) ([]span, error) {
	lo, hi := uint64(0), uint64(1)<<32
	if q.segments > 0 {
		lo, hi = hi*uint64(q.segment)/uint64(q.segments), hi*uint64(q.segment+1)/uint64(q.segments)
	}
	if start != nil {
		h := uint64(binary.BigEndian.Uint32([]byte{start[0], start[rowStart], start[rowStart+1], start[rowStart+2]}))
		if h < lo || h >= hi {
			return nil, errValidation("The provided starting key is outside of the segment's boundaries")
		}
		lo = h
	}
	var out []span
	for h := lo; h < hi; h = (h>>24 + 1) << 24 {
		sp := span{lo: appendHash(nil, gen, number, uint32(h))}
		if end := min(hi, (h>>24+1)<<24); end>>24 > h>>24 {
			sp.hi = appendRows(nil, store.Shard(h>>24), gen, number).End()
		} else {
			sp.hi = appendHash(nil, gen, number, uint32(end))
		}
		out = append(out, sp)
	}
	if start != nil {
		out[0].lo = append(start, 0)
	}
	return out, nil
}

// walk reads rows until a page is full or nothing is left.
func (q *reading) walk(r store.Reader, p *page, spans []span) error {
	if len(spans) == 0 {
		return nil
	}
	it := r.Scan(store.ScanOptions{Lo: spans[0].lo, Hi: spans[len(spans)-1].hi, Reverse: q.reverse})
	defer func() { _ = it.Close() }()
	more := it.Next()
	for i := 0; i < len(spans) && more; {
		sp := spans[i]
		key := it.Key()
		switch {
		case !q.reverse && string(key) < string(sp.lo):
			it.Seek(sp.lo)
			more = it.Next()
		case !q.reverse && string(key) >= string(sp.hi):
			i++ // the next span may begin beyond; spans without rows are passed over without a seek
		default:
			full, err := q.take(r, p, it.Value())
			if err != nil {
				return err
			}
			if full {
				return it.Err()
			}
			more = it.Next()
		}
	}
	return it.Err()
}

// take adds one row to the page and tells whether the page is full.
func (q *reading) take(r store.Reader, p *page, raw []byte) (full bool, err error) {
	row, err := ddbexpr.DecodeItem(raw)
	if err != nil {
		return false, err
	}
	size := row.Size()
	p.size += size
	p.scanned++
	it := row
	if q.needsTable(p) {
		if it, err = p.fetch(r, row); err != nil {
			return false, err
		}
	}
	if q.filter.Match(it) {
		p.count++
		if q.selects != "COUNT" {
			p.items = append(p.items, attributes(q.projection.Apply(it)))
		}
	}
	if q.limit > 0 && int(p.scanned) >= q.limit || p.size > maxPage {
		p.last = p.lastKey(row)
		return true, nil
	}
	return false, nil
}

// needsTable tells whether a row of a local index lacks what the request selects.
func (q *reading) needsTable(p *page) bool {
	ix := p.index
	if ix == nil || ix.Global || ix.Projection == "ALL" {
		return false
	}
	if q.selects == "ALL_ATTRIBUTES" {
		return true
	}
	return slices.ContainsFunc(q.projection.Heads(), func(name string) bool { return !p.table.covers(ix, name) })
}

// fetch reads the item of an index entry.
func (p *page) fetch(r store.Reader, row ddbexpr.Item) (ddbexpr.Item, error) {
	raw, err := r.Get(p.table.rowKey(nil, row))
	if err != nil || raw == nil {
		return row, err
	}
	it, err := ddbexpr.DecodeItem(raw)
	p.fetched += it.Size()
	return it, err
}

// lastKey gives the LastEvaluatedKey that stands for a row.
func (p *page) lastKey(row ddbexpr.Item) ddbexpr.Item {
	names := p.table.Key.Names()
	if p.index != nil {
		names = append(names, p.index.Key.Names()...)
	}
	return row.Pick(names...)
}

// consumed gives the read units of the page.
func (p *page) consumed(q *reading) *api.ConsumedCapacity {
	c := readUnits(q.capacity, p.table.Name, p.size, q.consistent, 1)
	if c == nil || p.index == nil {
		return c
	}
	own := *c.CapacityUnits
	fetched := 0.0
	if p.fetched > 0 {
		fetched = *readUnits(q.capacity, "", p.fetched, q.consistent, 1).CapacityUnits
	}
	total := own + fetched
	c.CapacityUnits = &total
	if *q.capacity != "INDEXES" {
		return c
	}
	c.Table = &api.Capacity{CapacityUnits: &fetched}
	m := map[string]api.Capacity{p.index.Name: {CapacityUnits: &own}}
	if p.index.Global {
		c.GlobalSecondaryIndexes = m
	} else {
		c.LocalSecondaryIndexes = m
	}
	return c
}
