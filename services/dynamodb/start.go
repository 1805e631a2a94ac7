package dynamodb

import (
	"context"
	"encoding/json"

	"sundog/cloud"
	"sundog/engine/store"
)

// start takes up what was left when the process ended: wakes, filling and removing.
func (s *service) start(ctx context.Context) error {
	return s.view(ctx, func(r store.Reader) error {
		return first(
			everyShard(r, "table", func(_, value []byte) error { return s.resumeTable(value) }),
			everyShard(r, "stream", func(_, value []byte) error {
				var st stream
				if err := json.Unmarshal(value, &st); err != nil {
					return err
				}
				s.sweeps.arm(logSweep(st.Scope, st.Table, st.Label), s.deps.Clock.Now())
				return nil
			}),
			everyShard(r, "drop", func(key, _ []byte) error { return s.resumeDrop(key) }),
			everyShard(r, "tokendue", func(key, _ []byte) error {
				sc, _, err := cutScope(key)
				if err == nil {
					s.sweeps.arm(tokenSweep(sc), s.deps.Clock.Now())
				}
				return err
			}),
		)
	})
}

func (s *service) resumeTable(value []byte) error {
	var t table
	if err := json.Unmarshal(value, &t); err != nil {
		return err
	}
	if t.unfilled() {
		s.jobs.fill(ref{t.Scope, t.Name})
	}
	if t.TTL.Enabled {
		s.sweeps.arm(ttlSweep(t.Scope, t.Name), s.deps.Clock.Now())
	}
	return nil
}

func (s *service) resumeDrop(key []byte) error {
	sc, rest, err := cutScope(key)
	if err != nil {
		return err
	}
	gen, rest, err := store.CutU64(rest)
	if err != nil {
		return err
	}
	number, _, err := store.CutU64(rest)
	if err == nil {
		s.jobs.purge(sc, gen, uint32(number))
	}
	return err
}

// cutScope takes the scope off a control key's rest.
func cutScope(rest []byte) (sc cloud.Scope, after []byte, err error) {
	if sc.Account, rest, err = store.CutStr(rest); err != nil {
		return sc, nil, err
	}
	sc.Region, rest, err = store.CutStr(rest)
	return sc, rest, err
}

// everyShard calls f for the control rows of a kind, of all scopes; key is what follows the kind.
func everyShard(r store.Reader, kind string, f func(key, value []byte) error) error {
	at := func(s int) store.Key { return store.K(store.Shard(s), roomName, kind) }
	it := r.Scan(store.ScanOptions{Lo: at(0), Hi: at(255).End()})
	defer func() { _ = it.Close() }()
	more := it.Next()
	for shard := 0; shard < 256 && more; {
		p := at(shard)
		switch key := it.Key(); {
		case string(key) < string(p):
			it.Seek(p)
			more = it.Next()
		case string(key) >= string(p.End()):
			shard++
		default:
			if err := f(key[len(p):], it.Value()); err != nil {
				return err
			}
			more = it.Next()
		}
	}
	return it.Err()
}
