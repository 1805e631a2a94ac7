package telemetry

import (
	"bytes"
	"cmp"
	"slices"

	"sundog/engine/store"
)

// merge reads the lines of a group in order. The rows of one second may overlap (see chunk.go), so it looks at their keys together, and opens a row when the
// next line may be in it.
type merge struct {
	rd         store.Reader
	lo, hi     place // lines from lo on, below hi
	descending bool
	wants      func(stream string) bool

	rows []found // of one second that are not opened yet, in the order in which they are opened
	held int     // bytes of their values
	open []opened
}

// found is a row that may have to be read. value is nil when it has to be fetched for that.
type found struct {
	key         []byte
	first, last place
	value       []byte
}

// opened is a row of which lines are still to be given: the first of rest is next (descending: the last).
type opened struct {
	*lines
	rest []line
}

// heldBytes bounds the values of rows that are held until they are opened. Those on top are read again.
const heldBytes = 1 << 20

// run calls fn for every line until it returns false. prefix is what the keys of the group's rows begin with.
func (m *merge) run(prefix store.Key, fn func(LogEvent) bool) error {
	second := place{ms: m.lo.ms - m.lo.ms%spanMillis} // rows that begin before lo may have it in them
	o := store.ScanOptions{Lo: second.appendTo(prefix.Clone()), Hi: m.hi.appendTo(prefix.Clone()), Reverse: m.descending}
	if bytes.Compare(o.Lo, o.Hi) >= 0 {
		return nil
	}
	it := m.rd.Scan(o)
	more, err := true, error(nil)
	for more && err == nil && it.Next() {
		var row found
		if row, err = foundRow(it.Key(), len(prefix)); err != nil {
			break
		}
		if len(m.rows) > 0 && m.rows[0].first.ms/spanMillis != row.first.ms/spanMillis {
			more, err = m.second(fn)
		}
		if row.last.compare(m.lo) < 0 {
			continue
		}
		if v := it.Value(); m.held+len(v) <= heldBytes || len(m.rows) == 0 {
			row.value, m.held = slices.Clone(v), m.held+len(v)
		}
		m.rows = append(m.rows, row)
	}
	if more && err == nil {
		_, err = m.second(fn)
	}
	return cmp.Or(err, it.Err(), it.Close())
}

func foundRow(key []byte, prefix int) (f found, err error) {
	f.key = slices.Clone(key)
	rest := f.key[prefix:]
	if f.first, rest, err = cutPlace(rest); err == nil {
		f.last, _, err = cutPlace(rest)
	}
	return f, err
}

// second gives the lines of the rows that were found.
func (m *merge) second(fn func(LogEvent) bool) (more bool, err error) {
	if m.descending {
		slices.SortFunc(m.rows, func(a, b found) int { return b.last.compare(a.last) })
	}
	defer func() { m.rows, m.open, m.held = m.rows[:0], m.open[:0], 0 }()
	for at := 0; ; {
		next := m.next()
		for at < len(m.rows) && (next < 0 || m.before(&m.rows[at], next)) {
			if err := m.begin(&m.rows[at]); err != nil {
				return false, err
			}
			at++
			next = m.next()
		}
		if next < 0 {
			return true, nil
		}
		if !fn(m.pop(next)) {
			return false, nil
		}
	}
}

// head gives an opened row's next line.
func (m *merge) head(i int) *line {
	rest := m.open[i].rest
	if m.descending {
		return &rest[len(rest)-1]
	}
	return &rest[0]
}

// next gives the opened row with the next line; -1 when there is none.
func (m *merge) next() int {
	best := -1
	for i := range m.open {
		if best < 0 {
			best = i
			continue
		}
		if c := m.head(i).place().compare(m.head(best).place()); c < 0 != m.descending && c != 0 {
			best = i
		}
	}
	return best
}

// before tells whether a row that is not opened may have a line before that of the opened row i.
func (m *merge) before(row *found, i int) bool {
	if m.descending {
		return row.last.compare(m.head(i).place()) > 0
	}
	return row.first.compare(m.head(i).place()) < 0
}

// begin opens a row.
func (m *merge) begin(row *found) (err error) {
	value := row.value
	if value == nil {
		if value, err = m.rd.Get(row.key); err != nil {
			return err
		}
	}
	ls, err := unpack(value, m.wants)
	if err != nil {
		return err
	}
	row.value = nil
	rest := slices.DeleteFunc(ls.all, func(l line) bool {
		at := l.place()
		return at.compare(m.lo) < 0 || at.compare(m.hi) >= 0 || !m.wants(ls.streams[l.stream])
	})
	if len(rest) > 0 {
		m.open = append(m.open, opened{ls, rest})
	}
	return nil
}

// pop takes the next line of an opened row.
func (m *merge) pop(i int) LogEvent {
	o, l := &m.open[i], m.head(i)
	e := o.event(l)
	if m.descending {
		o.rest = o.rest[:len(o.rest)-1]
	} else {
		o.rest = o.rest[1:]
	}
	if len(o.rest) == 0 {
		m.open = slices.Delete(m.open, i, i+1)
	}
	return e
}
