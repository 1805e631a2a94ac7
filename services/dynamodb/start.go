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
			store.Everywhere(r, roomName, "table", func(_, value []byte) error { return s.resumeTable(value) }),
			store.Everywhere(r, roomName, "stream", func(_, value []byte) error {
				var st stream
				if err := json.Unmarshal(value, &st); err != nil {
					return err
				}
				s.sweeps.Arm(logSweep(st.Scope, st.Table, st.Label), s.deps.Clock.Now())
				return nil
			}),
			store.Everywhere(r, roomName, "drop", func(key, _ []byte) error { return s.resumeDrop(key) }),
			store.Everywhere(r, roomName, "tokendue", func(key, _ []byte) error {
				sc, _, err := cutScope(key)
				if err == nil {
					s.sweeps.Arm(tokenSweep(sc), s.deps.Clock.Now())
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
		s.sweeps.Arm(ttlSweep(t.Scope, t.Name), s.deps.Clock.Now())
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
