package dynamodb

import (
	"bytes"
	"context"
	"slices"

	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// verb is what a write does.
type verb uint8

const (
	verbPut verb = iota
	verbUpdate
	verbDelete
	verbCheck // only the condition
)

// write is one write of one item, ready to run; it is not changed by running.
type write struct {
	at        ref
	verb      verb
	item      ddbexpr.Item // put: the item; else the key
	condition *ddbexpr.Condition
	update    *ddbexpr.Update
	returnOld bool // show the item when the condition fails
}

// outcome is what a write found and left; nil items are absent.
type outcome struct {
	table    *table
	old, new ddbexpr.Item
}

// update runs a transaction and puts the store's errors into the service's words.
func (s *service) update(ctx context.Context, f func(tx store.Tx) error) error {
	return fromStore(s.deps.Store.Update(ctx, f))
}

// view runs a snapshot read.
func (s *service) view(ctx context.Context, f func(r store.Reader) error) error {
	return fromStore(s.deps.Store.View(ctx, f))
}

// run runs a write in a transaction.
func (s *service) run(tx store.Tx, w *write) (outcome, error) {
	t, err := s.open(tx, w.at)
	if err != nil {
		return outcome{}, err
	}
	if err := t.checkWrite(w); err != nil {
		return outcome{table: t}, err
	}
	key := t.rowKey(nil, w.item)
	raw, err := tx.Get(key)
	if err != nil {
		return outcome{table: t}, err
	}
	out := outcome{table: t}
	if raw != nil {
		if out.old, err = ddbexpr.DecodeItem(raw); err != nil {
			return out, err
		}
	}
	if !w.condition.Match(out.old) {
		return out, w.failed(out.old)
	}
	if out.new, err = w.apply(t, out.old); err != nil || w.verb == verbCheck {
		return out, err
	}
	return out, s.put(tx, t, key, out.old, out.new, false)
}

// failed is the error of a condition that does not hold.
func (w *write) failed(old ddbexpr.Item) error {
	if !w.returnOld || old == nil {
		return errCondition()
	}
	return errCondition().With("Item", attributes(old))
}

// apply gives the item after the write.
func (w *write) apply(t *table, old ddbexpr.Item) (ddbexpr.Item, error) {
	switch w.verb {
	case verbPut:
		return w.item, nil
	case verbDelete:
		return nil, nil
	case verbCheck:
		return old, nil
	}
	it := old
	if it == nil {
		it = w.item
	}
	if w.update == nil {
		return it, nil
	}
	if old == nil && w.update.OnlyRemoves() {
		_, err := w.update.Apply(it)
		return nil, err
	}
	it, err := w.update.Apply(it)
	if err != nil {
		return nil, err
	}
	if it.Size() > ddbexpr.MaxItemSize {
		return nil, errValidation("Item size to update has exceeded the maximum allowed size")
	}
	for i := range it {
		if it[i].Value.Depth() > maxNesting {
			return nil, errValidation("Nesting Levels have exceeded supported limits")
		}
	}
	return it, t.checkUpdatedKeys(it)
}

// checkUpdatedKeys is checkIndexKeys in the words of updates.
func (t *table) checkUpdatedKeys(it ddbexpr.Item) error {
	for i := range t.Indexes {
		key := t.Indexes[i].Key
		for _, name := range key.Names() {
			if v := it.Get(name); v.Kind != ddbexpr.None && v.Kind != key.KindOf(name) {
				return errValidation("The update expression attempted to update the secondary index key to unsupported type")
			}
		}
	}
	return t.checkIndexKeys(it)
}

// put replaces an item by another (nil: absent), with all that hangs on it: index entries, counters, expiry, the stream.
func (s *service) put(tx store.Tx, t *table, key store.Key, old, new ddbexpr.Item, expired bool) error {
	if old != nil && new != nil && old.Equal(new) {
		return nil
	}
	if old == nil && new == nil {
		return nil
	}
	if err := writeRow(tx, t, 0, key, old, new); err != nil {
		return err
	}
	for i := range t.Indexes {
		if err := t.writeEntry(tx, &t.Indexes[i], old, new); err != nil {
			return err
		}
	}
	if t.TTL.Enabled || t.TTL.Indexing {
		if err := s.writeExpiry(tx, t, old, new); err != nil {
			return err
		}
	}
	if t.Stream != nil {
		return s.logChange(tx, t, key, old, new, expired)
	}
	return nil
}

// writeRow writes or deletes a row and keeps the counters.
func writeRow(tx store.Tx, t *table, number uint32, key store.Key, old, new ddbexpr.Item) error {
	if new == nil {
		if err := tx.Delete(key); err != nil {
			return err
		}
	} else {
		size := new.Size()
		if err := tx.Put(key, new.AppendBinary(make([]byte, 0, size+size/8+32))); err != nil {
			return err
		}
	}
	if d := packCount(presence(new)-presence(old), int64(new.Size()-old.Size())); d != 0 {
		return tx.Add(countKey(store.Shard(key[0]), t.Gen, number), d)
	}
	return nil
}

func presence(it ddbexpr.Item) int64 {
	if it == nil {
		return 0
	}
	return 1
}

// writeEntry brings an item's entry in an index up to date.
func (t *table) writeEntry(tx store.Tx, ix *index, old, new ddbexpr.Item) error {
	was, now := t.project(ix, old), t.project(ix, new)
	if was == nil && now == nil || was != nil && now != nil && was.Equal(now) {
		return nil
	}
	var wasKey, nowKey store.Key
	if was != nil {
		wasKey = t.rowKey(ix, old)
	}
	if now != nil {
		nowKey = t.rowKey(ix, new)
	}
	if was != nil && now != nil && bytes.Equal(wasKey, nowKey) {
		if ix.Filling { // the old entry may not be there yet
			return t.refill(tx, ix, nowKey, now)
		}
		return writeRow(tx, t, ix.Number, nowKey, was, now)
	}
	if was != nil {
		if err := t.dropEntry(tx, ix, wasKey, was); err != nil {
			return err
		}
	}
	if now == nil {
		return nil
	}
	if ix.Filling {
		return t.refill(tx, ix, nowKey, now)
	}
	return writeRow(tx, t, ix.Number, nowKey, nil, now)
}

// dropEntry deletes an index entry; while the index is being filled it may not be there.
func (t *table) dropEntry(tx store.Tx, ix *index, key store.Key, was ddbexpr.Item) error {
	if ix.Filling {
		raw, err := tx.Get(key)
		if err != nil || raw == nil {
			return err
		}
		if was, err = ddbexpr.DecodeItem(raw); err != nil {
			return err
		}
	}
	return writeRow(tx, t, ix.Number, key, was, nil)
}

// refill writes an index entry that may be there in any form.
func (t *table) refill(tx store.Tx, ix *index, key store.Key, now ddbexpr.Item) error {
	raw, err := tx.Get(key)
	if err != nil {
		return err
	}
	var was ddbexpr.Item
	if raw != nil {
		if was, err = ddbexpr.DecodeItem(raw); err != nil {
			return err
		}
	}
	return writeRow(tx, t, ix.Number, key, was, now)
}

// project gives what an index keeps of an item; nil when the item has no place in it.
func (t *table) project(ix *index, it ddbexpr.Item) ddbexpr.Item {
	if it == nil || it.Get(ix.Key.Hash).Kind != ix.Key.HashKind || ix.Key.Range != "" && it.Get(ix.Key.Range).Kind != ix.Key.RangeKind {
		return nil
	}
	if ix.Projection == "ALL" {
		return it
	}
	out := make(ddbexpr.Item, 0, 4+len(ix.Include))
	for _, f := range it {
		if t.Key.Has(f.Name) || ix.Key.Has(f.Name) || ix.Projection == "INCLUDE" && slices.Contains(ix.Include, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// checkWrite checks a write against the table's keys.
func (t *table) checkWrite(w *write) error {
	if w.verb != verbPut {
		if err := t.checkKey(w.item); err != nil {
			return err
		}
		if w.update == nil {
			return nil
		}
		for _, p := range w.update.Paths() {
			if t.Key.Has(p.Head()) {
				return errInvalid("Cannot update attribute %s. This attribute is part of the key", p.Head())
			}
		}
		return nil
	}
	for _, name := range [...]string{t.Key.Hash, t.Key.Range} {
		if name == "" {
			continue
		}
		v := w.item.Get(name)
		if v.Kind == ddbexpr.None {
			return errInvalid("Missing the key %s in the item", name)
		}
		if kind := t.Key.KindOf(name); v.Kind != kind {
			return errInvalid("Type mismatch for key %s expected: %s actual: %s", name, kind, v.Kind)
		}
		if err := checkKeyValue(v, name, name == t.Key.Hash); err != nil {
			return err
		}
	}
	return t.checkIndexKeys(w.item)
}

// checkKey checks that an item is a key of the table, and nothing more.
func (t *table) checkKey(key ddbexpr.Item) error {
	names := 1
	if t.Key.Range != "" {
		names = 2
	}
	if len(key) != names || key.Get(t.Key.Hash).Kind != t.Key.HashKind || t.Key.Range != "" && key.Get(t.Key.Range).Kind != t.Key.RangeKind {
		return errValidation("The provided key element does not match the schema")
	}
	for _, f := range key {
		if err := checkKeyValue(f.Value, f.Name, f.Name == t.Key.Hash); err != nil {
			return err
		}
	}
	return nil
}

const (
	maxHashKey  = 2048
	maxRangeKey = 1024
)

func checkKeyValue(v ddbexpr.Value, name string, hash bool) error {
	switch {
	case v.Text == "":
		return errValidation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", kindWord(v.Kind), name)
	case hash && len(v.Text) > maxHashKey && v.Kind != ddbexpr.N:
		return errInvalid("Size of hashkey has exceeded the maximum size limit of2048 bytes")
	case !hash && len(v.Text) > maxRangeKey && v.Kind != ddbexpr.N:
		return errInvalid("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return nil
}

func kindWord(k ddbexpr.Kind) string {
	if k == ddbexpr.B {
		return "binary"
	}
	return "string"
}

// checkIndexKeys checks the types and sizes of the attributes that are keys of indexes.
func (t *table) checkIndexKeys(it ddbexpr.Item) error {
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		for _, name := range [...]string{ix.Key.Hash, ix.Key.Range} {
			v := it.Get(name)
			if name == "" || v.Kind == ddbexpr.None {
				continue
			}
			if kind := ix.Key.KindOf(name); v.Kind != kind {
				return errInvalid("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", name, kind, v.Kind, ix.Name)
			}
			if v.Text == "" {
				return errValidation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. "+
					"The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kindWord(v.Kind), ix.Name, name)
			}
			if err := checkKeyValue(v, name, name == ix.Key.Hash); err != nil {
				return err
			}
		}
	}
	return nil
}
