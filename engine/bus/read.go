package bus

import (
	"errors"
	"slices"

	"sundog/engine/store"
)

// bodies are those of one shard that one read has met: deliveries that are read together share them in memory too.
type bodies map[string]*met

type met struct {
	body
	parcel *parcel // nil: a single delivery
	gone   bool    // cancelled
}

func (m bodies) get(r store.Reader, s store.Shard, name string) (*met, error) {
	if x := m[name]; x != nil {
		return x, nil
	}
	b, err := r.Get(bodyKey(s, name))
	if err != nil {
		return nil, err
	}
	x := &met{gone: b == nil}
	if b != nil {
		if x.body, err = decode(b); err != nil {
			return nil, err
		}
	}
	if len(x.Members) > 0 {
		x.parcel = &parcel{shard: s, name: name, count: len(x.Members), at: x.At}
	}
	m[name] = x
	return x, nil
}

// member gives the n-th delivery of a body of several.
func (x *met) member(s store.Shard, n int) *entry {
	return &entry{stored: x.Members[n].of(&x.body), shard: s, parcel: x.parcel, bit: n}
}

// read reads a delivery by the name that its index row has; one that is not there was cancelled.
func read(r store.Reader, s store.Shard, name string, all bodies) (*entry, error) {
	n, of := parseRef(name)
	x, err := all.get(r, s, of)
	if err != nil {
		return nil, err
	}
	switch {
	case n >= 0 && n < len(x.Members):
		return x.member(s, n), nil
	case n < 0 && x.parcel == nil && !x.gone:
		return &entry{stored: x.stored, shard: s}, nil
	}
	e := &entry{shard: s}
	e.ID = name
	e.gone.Store(true)
	return e, nil
}

// readAll reads what a row of the due table names: a delivery, or those of several that are not over and have no rows of their own.
func readAll(r store.Reader, s store.Shard, name string, index store.Key, all bodies) ([]*entry, error) {
	x, err := all.get(r, s, name)
	if err != nil {
		return nil, err
	}
	if x.parcel == nil {
		e, err := read(r, s, name, all)
		if err == nil {
			e.index = slices.Clone(index)
		}
		return []*entry{e}, err
	}
	over, err := r.Get(overKey(s, name))
	if err != nil {
		return nil, err
	}
	var out []*entry
	for n := range x.Members {
		if !x.Members[n].Apart && !x.parcel.isOver(over, n) {
			out = append(out, x.member(s, n))
		}
	}
	return out, nil
}

// sweep takes away the bodies whose deliveries were all over when an earlier run ended.
func (b *Dispatcher) sweep(s store.Shard) error {
	var all []*parcel
	err := b.o.Store.View(b.ctx, func(r store.Reader) error {
		all = nil
		table := store.K(s, "bus", "over")
		it := r.Scan(store.Prefix(table))
		for it.Next() {
			name, _, err := store.CutStr(it.Key()[len(table):])
			if err != nil {
				return errors.Join(err, it.Close())
			}
			p := &parcel{shard: s, name: name}
			if !p.empty(it.Value()) {
				continue
			}
			x, err := bodies{}.get(r, s, name)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			p.at = x.At
			all = append(all, p)
		}
		return errors.Join(it.Err(), it.Close())
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range all {
		p.live = 1
		b.drop(p)
	}
	return err
}
