package dynamodb

import (
	"context"
	"math"
	"strconv"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// Capacity is computed as documented (Developer Guide, "DynamoDB read and write operations"): a write unit per KB begun, a read unit
// per 4 KB begun, half for eventually consistent reads; transactions double.

func units(size, block int) float64 { return float64(max(1, (size+block-1)/block)) }

// consumed gives the write units of a write, by table and index if so asked; nil when not asked.
func (o *outcome) consumed(mode *string, factor float64) *api.ConsumedCapacity {
	if m := str(mode); m == "" || m == "NONE" {
		return nil
	}
	table := units(max(o.old.Size(), o.new.Size()), 1<<10) * factor
	c := &api.ConsumedCapacity{TableName: &o.table.Name, Table: &api.Capacity{CapacityUnits: &table}}
	total := table
	for i := range o.table.Indexes {
		ix := &o.table.Indexes[i]
		n := o.table.entryUnits(ix, o.old, o.new) * factor
		if n == 0 {
			continue
		}
		total += n
		to := &c.LocalSecondaryIndexes
		if ix.Global {
			to = &c.GlobalSecondaryIndexes
		}
		if *to == nil {
			*to = map[string]api.Capacity{}
		}
		(*to)[ix.Name] = api.Capacity{CapacityUnits: &n}
	}
	c.CapacityUnits = &total
	if *mode == "TOTAL" {
		c.Table, c.LocalSecondaryIndexes, c.GlobalSecondaryIndexes = nil, nil, nil
	}
	return c
}

// entryUnits gives the write units that an index needed: one write when its entry changed in place, came or went, two when it moved.
func (t *table) entryUnits(ix *index, old, new ddbexpr.Item) float64 {
	was, now := t.project(ix, old), t.project(ix, new)
	switch {
	case was == nil && now == nil || was != nil && now != nil && was.Equal(now):
		return 0
	case was != nil && now != nil && string(t.rowKey(ix, old)) != string(t.rowKey(ix, new)):
		return units(was.Size(), 1<<10) + units(now.Size(), 1<<10)
	}
	return units(max(was.Size(), now.Size()), 1<<10)
}

// metrics gives ItemCollectionMetrics, for tables with local secondary indexes: the size of all that has the written item's partition
// key, in the table and in those indexes, as a range of whole GB; nil when not asked.
func (s *service) metrics(ctx context.Context, mode *string, o *outcome) (*api.ItemCollectionMetrics, error) {
	it := o.new
	if it == nil {
		it = o.old
	}
	if str(mode) != "SIZE" || it == nil || o.table.locals() == 0 {
		return nil, nil
	}
	size := 0
	err := s.view(ctx, func(r store.Reader) error {
		size = 0
		for i := -1; i < len(o.table.Indexes); i++ {
			number := uint32(0)
			if i >= 0 {
				if o.table.Indexes[i].Global {
					continue
				}
				number = o.table.Indexes[i].Number
			}
			err := collect(r, store.Prefix(partitionKey(o.table.Gen, number, it.Get(o.table.Key.Hash))), math.MaxInt, func(_, value []byte) error {
				row, err := ddbexpr.DecodeItem(value)
				size += row.Size()
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	low := float64(size >> 30)
	return &api.ItemCollectionMetrics{ItemCollectionKey: attributes(it.Pick(o.table.Key.Hash)), SizeEstimateRangeGB: []float64{low, low + 1}}, err
}

// allMetrics gives the metrics of several writes, by table; nil when there are none.
func (s *service) allMetrics(ctx context.Context, mode *string, outcomes []outcome) (map[string][]api.ItemCollectionMetrics, error) {
	var out map[string][]api.ItemCollectionMetrics
	for i := range outcomes {
		m, err := s.metrics(ctx, mode, &outcomes[i])
		if err != nil || m == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		if out == nil {
			out = map[string][]api.ItemCollectionMetrics{}
		}
		name := outcomes[i].table.Name
		out[name] = append(out[name], *m)
	}
	return out, nil
}

func (t *table) locals() int { return len(t.Indexes) - t.globals() }

// readUnits gives the read units of reading size bytes from a table; nil when not asked.
func readUnits(mode *string, table string, size int, consistent bool, factor float64) *api.ConsumedCapacity {
	if m := str(mode); m == "" || m == "NONE" {
		return nil
	}
	n := units(size, 4<<10) * factor
	if !consistent {
		n /= 2
	}
	c := &api.ConsumedCapacity{TableName: &table, CapacityUnits: &n}
	if *mode == "INDEXES" {
		c.Table = &api.Capacity{CapacityUnits: &n}
	}
	return c
}
