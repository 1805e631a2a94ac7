package telemetry

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sundog/engine/store"
)

// How long metrics are kept (CloudWatch User Guide, "Metrics retention"): by the minute for 15 days, by the hour for 455 days. CloudWatch has
// a step of five minutes in between.
const (
	minutesFor  = 15 * 24 * time.Hour
	hoursFor    = 455 * 24 * time.Hour
	rollupEvery = 24 * time.Hour
	rollupChunk = 2_000 // data points in one transaction
)

// rollup turns old minutes into hours, removes old hours, and forgets metrics that have no values left.
func (r *recorder) rollup(now time.Time) error {
	known, err := r.metricKeys()
	if err != nil {
		return err
	}
	minutes, hours := now.Add(-minutesFor).Truncate(time.Hour), now.Add(-hoursFor).Truncate(time.Hour)
	for _, m := range known {
		for more := true; more; {
			err := r.o.Store.Update(context.Background(), func(tx store.Tx) (err error) {
				more, err = m.roll(tx, minutes, hours)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// metricRows is what stands behind the table in the keys of a metric's rows.
type metricRows []byte

func (m metricRows) in(name string) store.Key { return table(name).Raw(m) }

func (r *recorder) metricKeys() (out []metricRows, err error) {
	p := table("metricid")
	err = r.o.Store.View(context.Background(), func(rd store.Reader) error {
		out = nil
		it := rd.Scan(store.ScanOptions{Lo: p, Hi: p.End(), KeysOnly: true})
		for it.Next() {
			out = append(out, slices.Clone(it.Key()[len(p):]))
		}
		return cmp.Or(it.Err(), it.Close())
	})
	return out, err
}

// roll handles one chunk of a metric, and tells whether there is more.
func (m metricRows) roll(tx store.Tx, minutes, hours time.Time) (more bool, err error) {
	b := newBatch(tx)
	old := store.ScanOptions{Lo: m.in("metric"), Hi: m.in("metric").U64(uint64(max(minutes.Unix(), 0)))}
	it := tx.Scan(old)
	for n := 0; it.Next(); n++ {
		if more = n == rollupChunk; more {
			break
		}
		k := slices.Clone(it.Key())
		d, err := decodeJSON[Datapoint](it.Value())
		if err == nil {
			err = tx.Delete(k)
		}
		if err != nil {
			return false, cmp.Or(err, it.Close())
		}
		hour := d.Time.Truncate(time.Hour)
		h := cached(b, b.points, m.in("hour").U64(uint64(max(hour.Unix(), 0))).Str(d.Unit))
		h.Time, h.Unit = hour, d.Unit
		h.add(d)
	}
	if err := cmp.Or(it.Err(), it.Close(), b.finish()); err != nil {
		return false, err
	}
	if err := tx.DeleteRange(m.in("hour"), m.in("hour").U64(uint64(max(hours.Unix(), 0)))); err != nil {
		return false, err
	}
	if empty, err := m.empty(tx); err != nil || !empty {
		return more, err
	}
	return false, tx.Delete(m.in("metricid"))
}

// empty tells whether a metric has no rows left.
func (m metricRows) empty(tx store.Tx) (bool, error) {
	for _, name := range []string{"metric", "hour"} {
		it := tx.Scan(store.ScanOptions{Lo: m.in(name), Hi: m.in(name).End(), KeysOnly: true})
		found := it.Next()
		if err := cmp.Or(it.Err(), it.Close()); err != nil || found {
			return false, err
		}
	}
	return true, nil
}
