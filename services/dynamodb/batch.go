package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

const (
	maxBatchWrite = 25
	maxBatchGet   = 100
	maxBatchReply = 16 << 20
)

// batchWriteItem serves BatchWriteItem. All writes of a call are committed together when they fit into one transaction; the API
// promises less.
func (s *service) batchWriteItem(ctx context.Context, in *api.BatchWriteItemInput) (*api.BatchWriteItemOutput, error) {
	if err := first(checkEnum("returnConsumedCapacity", in.ReturnConsumedCapacity, capacityModes...),
		checkEnum("returnItemCollectionMetrics", in.ReturnItemCollectionMetrics, metricsModes...)); err != nil {
		return nil, err
	}
	writes, err := batchWrites(ctx, in.RequestItems)
	if err != nil {
		return nil, err
	}
	outcomes, err := s.all(ctx, writes)
	if errors.Is(err, store.ErrTooLarge) {
		outcomes, err = s.each(ctx, writes)
	}
	if err != nil {
		return nil, fromStore(err)
	}
	out := &api.BatchWriteItemOutput{UnprocessedItems: map[string][]api.WriteRequest{}}
	total := totals{}
	for i := range outcomes {
		total.add(outcomes[i].consumed(in.ReturnConsumedCapacity, 1))
	}
	out.ConsumedCapacity = total.list()
	out.ItemCollectionMetrics, err = s.allMetrics(ctx, in.ReturnItemCollectionMetrics, outcomes)
	return out, err
}

func batchWrites(ctx context.Context, requests map[string][]api.WriteRequest) ([]*write, error) {
	if requests == nil {
		return nil, errNull("requestItems")
	}
	n := 0
	for _, list := range requests {
		n += len(list)
		if len(list) == 0 {
			return nil, errValidation("The batch write request list for a table cannot be null or empty")
		}
	}
	if n == 0 {
		return nil, errMember("{}", "requestItems", "Member must have length greater than or equal to 1")
	}
	if n > maxBatchWrite {
		return nil, errValidation("Too many items requested for the BatchWriteItem call")
	}
	var out []*write
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		at, err := refOf(ctx, &name)
		if err != nil {
			return nil, err
		}
		for _, rq := range requests[name] {
			w, err := batchWrite(at, rq)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
		}
	}
	return out, nil
}

func batchWrite(at ref, rq api.WriteRequest) (w *write, err error) {
	switch {
	case rq.PutRequest != nil && rq.DeleteRequest != nil, rq.PutRequest == nil && rq.DeleteRequest == nil:
		return nil, errValidation("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case rq.PutRequest != nil:
		if rq.PutRequest.Item == nil {
			return nil, errNull("requestItems." + at.Name + ".member.1.member.putRequest.item")
		}
		w = &write{at: at, verb: verbPut}
		w.item, err = newItem(rq.PutRequest.Item)
	default:
		if rq.DeleteRequest.Key == nil {
			return nil, errNull("requestItems." + at.Name + ".member.1.member.deleteRequest.key")
		}
		w = &write{at: at, verb: verbDelete}
		w.item, err = itemOf(rq.DeleteRequest.Key)
	}
	return w, err
}

// all runs writes in one transaction; two of the same item are an error.
func (s *service) all(ctx context.Context, writes []*write) (out []outcome, err error) {
	err = s.deps.Store.Update(ctx, func(tx store.Tx) error {
		out = make([]outcome, len(writes))
		if err := s.distinct(tx, writes, errValidation("Provided list of item keys contains duplicates")); err != nil {
			return err
		}
		for i, w := range writes {
			if out[i], err = s.run(tx, w); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// each runs writes one by one, for batches that do not fit into one transaction.
func (s *service) each(ctx context.Context, writes []*write) ([]outcome, error) {
	out := make([]outcome, len(writes))
	for i, w := range writes {
		o, err := s.one(ctx, w)
		if err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, nil
}

// distinct checks the writes' keys and that no two name the same item.
func (s *service) distinct(r store.Reader, writes []*write, twice error) error {
	seen := make(map[string]bool, len(writes))
	for _, w := range writes {
		t, err := s.open(r, w.at)
		if err != nil {
			return err
		}
		if err := t.checkWrite(w); err != nil {
			return err
		}
		key := string(t.rowKey(nil, w.item))
		if seen[key] {
			return twice
		}
		seen[key] = true
	}
	return nil
}

// keyGroup is the keys that a BatchGetItem asks of one table.
type keyGroup struct {
	name       string // as in the request
	at         ref
	keys       []ddbexpr.Item
	raw        api.KeysAndAttributes
	projection *ddbexpr.Projection
}

// batchGetItem serves BatchGetItem. What would take the answer over 16 MB is given back as unprocessed.
func (s *service) batchGetItem(ctx context.Context, in *api.BatchGetItemInput) (*api.BatchGetItemOutput, error) {
	if err := checkEnum("returnConsumedCapacity", in.ReturnConsumedCapacity, capacityModes...); err != nil {
		return nil, err
	}
	groups, err := keyGroups(ctx, in.RequestItems)
	if err != nil {
		return nil, err
	}
	var out *api.BatchGetItemOutput
	err = s.view(ctx, func(r store.Reader) error {
		out = &api.BatchGetItemOutput{Responses: map[string][]map[string]api.AttributeValue{}, UnprocessedKeys: map[string]api.KeysAndAttributes{}}
		left, total := maxBatchReply, totals{}
		for i := range groups {
			if err := s.getGroup(r, &groups[i], out, &left, in.ReturnConsumedCapacity, total); err != nil {
				return err
			}
		}
		out.ConsumedCapacity = total.list()
		return nil
	})
	return out, err
}

func keyGroups(ctx context.Context, requests map[string]api.KeysAndAttributes) ([]keyGroup, error) {
	if requests == nil {
		return nil, errNull("requestItems")
	}
	if len(requests) == 0 {
		return nil, errMember("{}", "requestItems", "Member must have length greater than or equal to 1")
	}
	var out []keyGroup
	n := 0
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		g := keyGroup{name: name, raw: requests[name]}
		var err error
		if g.at, err = refOf(ctx, &name); err != nil {
			return nil, err
		}
		if g.raw.Keys == nil {
			return nil, errNull("requestItems." + name + ".member.keys")
		}
		if len(g.raw.Keys) == 0 {
			return nil, errMember("[]", "requestItems."+name+".member.keys", "Member must have length greater than or equal to 1")
		}
		if n += len(g.raw.Keys); n > maxBatchGet {
			return nil, errValidation("Too many items requested for the BatchGetItem call")
		}
		if g.projection, err = projection(g.raw.ProjectionExpression, g.raw.ExpressionAttributeNames, g.raw.AttributesToGet); err != nil {
			return nil, err
		}
		for _, k := range g.raw.Keys {
			key, err := itemOf(k)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(g.keys, key.Equal) {
				return nil, errValidation("Provided list of item keys contains duplicates")
			}
			g.keys = append(g.keys, key)
		}
		out = append(out, g)
	}
	return out, nil
}

// getGroup reads one table's keys as long as there is room left in the answer.
func (s *service) getGroup(r store.Reader, g *keyGroup, out *api.BatchGetItemOutput, left *int, capacity *string, total totals) error {
	items := []map[string]api.AttributeValue{}
	for i, key := range g.keys {
		t, it, err := s.get(r, g.at, key)
		if err != nil {
			return err
		}
		if it.Size() > *left {
			rest := g.raw
			rest.Keys = g.raw.Keys[i:]
			out.UnprocessedKeys[g.name], *left = rest, 0
			break
		}
		*left -= it.Size()
		total.add(readUnits(capacity, t.Name, it.Size(), is(g.raw.ConsistentRead), 1))
		if it != nil {
			items = append(items, attributes(g.projection.Apply(it)))
		}
	}
	out.Responses[g.name] = items
	return nil
}

// totals sums consumed capacity by table.
type totals map[string]*api.ConsumedCapacity

func (m totals) add(c *api.ConsumedCapacity) {
	if c == nil {
		return
	}
	have := m[*c.TableName]
	if have == nil {
		m[*c.TableName] = c
		return
	}
	sumUnits(&have.CapacityUnits, c.CapacityUnits)
	sumUnits(&have.ReadCapacityUnits, c.ReadCapacityUnits)
	sumUnits(&have.WriteCapacityUnits, c.WriteCapacityUnits)
	if have.Table != nil && c.Table != nil {
		sumUnits(&have.Table.CapacityUnits, c.Table.CapacityUnits)
	}
	sumIndexes(&have.GlobalSecondaryIndexes, c.GlobalSecondaryIndexes)
	sumIndexes(&have.LocalSecondaryIndexes, c.LocalSecondaryIndexes)
}

func sumUnits(to **float64, n *float64) {
	if n == nil {
		return
	}
	sum := *n
	if *to != nil {
		sum += **to
	}
	*to = &sum
}

func sumIndexes(to *map[string]api.Capacity, from map[string]api.Capacity) {
	for name, c := range from {
		if *to == nil {
			*to = map[string]api.Capacity{}
		}
		have := (*to)[name]
		sumUnits(&have.CapacityUnits, c.CapacityUnits)
		(*to)[name] = have
	}
}

// list gives the sums, by table name; nil when there are none.
func (m totals) list() []api.ConsumedCapacity {
	var out []api.ConsumedCapacity
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, *m[name])
	}
	return out
}
