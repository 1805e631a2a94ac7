package lambda

import (
	"bytes"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// laneProgress is how far a lane of a shard has come.
type laneProgress struct {
	At     []byte  `json:",omitempty"` // after what was dealt with; none: before the oldest record
	Lanes  int     // how many lanes the shard was read in
	Window *window `json:",omitempty"` // the tumbling window that is open
}

func laneKey(sc cloud.Scope, id, shard string, lane int) []byte {
	return checkpointKey(sc, id).Str(shard).U64(uint64(lane))
}

// lane reads one shard, or those records of it whose keys fall to it: with a parallelization factor a shard has several lanes, and the records of a
// key are all in one. It belongs to one goroutine.
type lane struct {
	*poller
	stream bus.Stream
	shard  bus.Shard
	n, of  int
	at     []byte       // after what was dealt with or passed over
	ahead  []bus.Record // the lane's own that are read already, after at
	end    []byte       // after what is read already
	kept   []byte       // the position in the store
	passed int          // records passed over since the position was kept
	window *window
	idle   func()        // ends what the clock waits for
	begun  chan struct{} // closed when the batch that is collected is dealt with, or there is none
}

// busy makes the clock wait for the lane until idle.
func (l *lane) busy() { l.idle = l.r.d.Clock.Busy("event source mapping " + l.m.id()) }

// rest waits before another try. The clock does not wait for that.
func (l *lane) rest(ctx context.Context, d time.Duration) bool {
	l.idle()
	defer l.busy()
	return pause(ctx, d)
}

// exists tells whether the mapping is still there: one that was deleted keeps nothing.
func (p *poller) exists(rd store.Reader) (bool, error) {
	b, err := rd.Get(mappingKey(p.sc, p.m.id()))
	return b != nil, err
}

// run deals with the lane's records until ctx ends, or the shard does. After trouble of the platform it begins anew from what was kept.
func (l *lane) run(ctx context.Context) {
	err := l.load(ctx)
	for trouble := 0; ctx.Err() == nil; {
		if err == nil {
			err = l.step(ctx)
		}
		if err == nil {
			trouble = 0
			continue
		}
		if ctx.Err() != nil || errors.Is(err, io.EOF) {
			return
		}
		l.warn(trouble, err, "shard", l.shard.Name)
		l.problem(ctx, err)
		pause(ctx, backoff(trouble))
		trouble++
		err = l.load(ctx)
	}
}

func (l *lane) load(ctx context.Context) error {
	var x laneProgress
	err := l.r.d.Store.View(ctx, func(rd store.Reader) error {
		_, err := load(rd, laneKey(l.sc, l.m.id(), l.shard.ID, l.n), &x)
		return err
	})
	l.at, l.kept, l.window, l.passed, l.ahead = x.At, x.At, x.Window, 0, nil
	if !l.windowed() {
		l.window = nil // the mapping had windows before it was changed
	}
	return err
}

// advance keeps the lane's position, with what goes out for the records before it.
func (l *lane) advance(ctx context.Context, at []byte, out ...bus.Delivery) error {
	err := l.r.d.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		if there, err := l.exists(tx); err != nil || !there {
			return err
		}
		if len(out) > 0 {
			if err := l.r.d.Bus.Emit(tx, shardOf(l.sc), out...); err != nil {
				return err
			}
		}
		return save(tx, laneKey(l.sc, l.m.id(), l.shard.ID, l.n), laneProgress{At: at, Lanes: l.of, Window: l.window})
	})
	if err == nil {
		l.kept, l.passed = at, 0
	}
	return err
}

// step waits for a batch and deals with it.
func (l *lane) step(ctx context.Context) error {
	l.begun = make(chan struct{})
	b, err := l.collect(ctx)
	if err != nil || len(b.records) == 0 && !b.over {
		close(l.begun)
		return err
	}
	l.busy()
	defer func() { l.idle() }()
	close(l.begun)
	if len(b.records) > 0 {
		if err := l.runRecords(ctx, b.records, 0); err != nil {
			return err
		}
		if !bytes.Equal(l.kept, l.at) {
			if err := l.advance(ctx, l.at); err != nil {
				return err
			}
		}
	}
	if b.over {
		return l.endWindow(ctx, false)
	}
	return nil
}

// streamBatch is what the lane found. over says that the tumbling window that was open has ended.
type streamBatch struct {
	records []bus.Record
	size    int
	over    bool
}

const (
	manyRecords = 1000 // of one read in which others than the lane's are passed over
	manyPassed  = 1000 // records, after which a position is kept although nothing was dealt with
)

// collect gathers records for a batch: what is there, or, with a batching window, what comes until it closes or the batch is full. The lane's
// position moves on with it, in memory.
func (l *lane) collect(ctx context.Context) (b streamBatch, err error) {
	size := int(val(l.m.Config.BatchSize, 100))
	window := time.Duration(val(l.m.Config.MaximumBatchingWindowInSeconds, 0)) * time.Second
	pl, err := l.r.plan(ctx, l.m.function())
	if err == nil {
		err = l.r.mayRead(ctx, l.src, pl)
	}
	if err != nil {
		return b, err
	}
	var since time.Time
	for {
		var until time.Time // zero: as long as it takes
		if len(b.records) > 0 {
			if until = since.Add(window); !until.After(l.r.d.Clock.Now()) {
				return b, nil
			}
		}
		records, next, found, err := l.next(ctx, until, size-len(b.records))
		switch {
		case err != nil && len(b.records) > 0 && (ctx.Err() != nil || errors.Is(err, io.EOF)):
			return b, nil // what is here is finished
		case errors.Is(err, io.EOF) && l.window != nil:
			b.over = true // nothing comes any more
			return b, nil
		case err != nil:
			return b, err
		case !found:
			b.over = l.window != nil && !l.r.d.Clock.Now().Before(l.windowEnd())
			return b, nil
		}
		taken, full := l.take(&b, records, size)
		l.keepAhead(records[taken:], next)
		if full {
			return b, nil
		}
		l.at = next
		if len(b.records) > 0 && since.IsZero() {
			since = l.r.d.Clock.Now()
		}
		if len(b.records) == 0 && l.passed >= manyPassed {
			if err := l.advance(ctx, l.at); err != nil {
				return b, err
			}
		}
	}
}

// next gives records after the lane's position, and the position after them: those that were read ahead, or what comes. Others' records, and those that filters
// take out, are read by the thousand. found is false when the batching window or the tumbling window is over before.
func (l *lane) next(ctx context.Context, until time.Time, most int) (records []bus.Record, after []byte, found bool, err error) {
	if len(l.ahead) > 0 {
		return l.ahead, l.end, true, nil
	}
	if found, err = l.await(ctx, until); err != nil || !found {
		return nil, nil, found, err
	}
	if l.of > 1 || len(l.filters) > 0 || l.m.Config.StartingPositionTimestamp != nil {
		most = manyRecords
	}
	records, after, err = l.stream.Read(ctx, l.src, l.shard.ID, l.at, most)
	return records, after, true, err
}

// keepAhead keeps what is the lane's of records that were read and not taken.
func (l *lane) keepAhead(records []bus.Record, end []byte) {
	l.ahead, l.end = nil, end
	for _, rec := range records {
		if l.mine(rec) {
			l.ahead = append(l.ahead, rec)
		}
	}
}

// mine tells whether a record is the lane's to deal with.
func (l *lane) mine(rec bus.Record) bool {
	from := l.m.Config.StartingPositionTimestamp
	return (l.of == 1 || laneOf(rec.Key, l.of) == l.n) && (from == nil || !rec.Time.Before(*from))
}

// await waits for records; false when the batching window, which ends at a time (zero: there is none), or the tumbling window is over before. A clock that is
// moved waits there for what follows.
func (l *lane) await(ctx context.Context, until time.Time) (bool, error) {
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := l.begun
	over := func() {
		cancel()
		<-begun
	}
	if !until.IsZero() {
		defer l.r.d.Clock.AfterNow(until, over)()
	}
	if l.window != nil {
		defer l.r.d.Clock.AfterNow(l.windowEnd(), over)()
	}
	err := l.stream.Wait(wait, l.src, l.shard.ID, l.at)
	if err == nil || wait.Err() == nil || ctx.Err() != nil {
		return err == nil, err
	}
	records, _, err := l.stream.Read(ctx, l.src, l.shard.ID, l.at, 1) // a window that is long over may have records that nobody has read
	return len(records) > 0, err
}

// take puts those of the records into the batch that are the lane's and pass the filters, and tells how many it was through with when the batch took no more.
func (l *lane) take(b *streamBatch, records []bus.Record, size int) (taken int, full bool) {
	filtered, polled := 0, 0
	defer func() {
		if polled > 0 {
			l.polled(polled, filtered)
		}
	}()
	for i, rec := range records {
		switch {
		case !l.mine(rec):
			l.passed, l.at = l.passed+1, rec.Position
			continue
		case !l.matches(l.filterable(rec)):
			polled, filtered = polled+1, filtered+1
			l.passed, l.at = l.passed+1, rec.Position
			continue
		case len(b.records) > 0 && b.size+len(rec.JSON)+1 > maxRecords:
			return i, true
		case !l.inWindow(rec):
			b.over = true
			return i, true
		}
		polled++
		b.records, b.size = append(b.records, rec), b.size+len(rec.JSON)+1
		if l.at = rec.Position; len(b.records) == size {
			return i + 1, true
		}
	}
	return len(records), false
}

func laneOf(key string, of int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % uint32(of))
}

// leastRetention is how long every stream keeps its records.
const leastRetention = 24 * time.Hour

// retention is how long a stream's records can be read, and so how long they are tried. 0: not known.
func (l *lane) retention(ctx context.Context) time.Duration {
	if l.src.Service == "dynamodb" {
		return leastRetention
	}
	d, err := l.r.d.Directory.Describe(ctx, l.src)
	switch {
	case err == nil:
	case cloud.AsError(err).Kind == cloud.NotFound:
		return leastRetention // it was deleted while its records were tried
	default:
		return 0
	}
	hours, err := strconv.Atoi(d.Attributes["RetentionPeriodHours"])
	if err != nil {
		return 0
	}
	return time.Duration(hours) * time.Hour
}

// tooOld counts the records at the front that are older than the mapping lets them be, or, when they have been tried, than the stream keeps them: what was
// just read is not.
func (l *lane) tooOld(ctx context.Context, records []bus.Record, tried bool) int {
	var most time.Duration
	if tried {
		most = l.retention(ctx)
	}
	if age := val(l.m.Config.MaximumRecordAgeInSeconds, -1); age >= 0 {
		most = time.Duration(age) * time.Second
	}
	if most == 0 {
		return 0
	}
	limit := l.r.d.Clock.Now().Add(-most)
	if n := slices.IndexFunc(records, func(r bus.Record) bool { return !r.Time.Before(limit) }); n >= 0 {
		return n
	}
	return len(records)
}
