package lambda

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// lookForShards is how often a stream is asked for shards that are new.
const lookForShards = time.Minute

// shardReaders are the shards of a stream that a poller reads, each in a goroutine of its own. It belongs to one goroutine.
type shardReaders struct {
	*poller
	all   sync.WaitGroup
	known map[string]chan struct{} // by the shard's ID: closed when it is read to its end
	ended chan struct{}            // one more is: its children may be new
}

// pollStream reads every shard of the stream until ctx ends.
func (p *poller) pollStream(ctx context.Context) {
	r := &shardReaders{poller: p, known: map[string]chan struct{}{}, ended: make(chan struct{}, 1)}
	defer r.all.Wait()
	for trouble := 0; ctx.Err() == nil; {
		err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			p.warn(trouble, err)
			p.problem(ctx, err)
			pause(ctx, backoff(trouble))
			trouble++
		default:
			trouble = 0
			p.polled(0, 0) // it is looked for records all the time
			pauseOr(ctx, lookForShards, r.ended)
		}
	}
}

// look begins to read the shards that are new, and forgets those that are gone. A stream that is gone has none; it may be made again.
func (r *shardReaders) look(ctx context.Context) error {
	shards, err := r.shards(ctx)
	if err != nil && cloud.AsError(err).Kind != cloud.NotFound {
		return err
	}
	r.begin(ctx, shards)
	if e := r.forget(ctx, shards); err == nil {
		err = e
	}
	return err
}

// begin reads the shards that are new. What one was split or merged of is read to its end before it, so that the records of a key stay in order.
func (r *shardReaders) begin(ctx context.Context, shards []bus.Shard) {
	var fresh []bus.Shard
	for _, s := range shards {
		if r.known[s.ID] == nil {
			r.known[s.ID], fresh = make(chan struct{}), append(fresh, s)
		}
	}
	for _, s := range fresh {
		var before []chan struct{}
		for _, parent := range s.Parents {
			if over := r.known[parent]; over != nil {
				before = append(before, over)
			}
		}
		over := r.known[s.ID]
		r.all.Go(func() {
			if !overAll(ctx, before) {
				return
			}
			r.pollShard(ctx, s)
			close(over)
			select {
			case r.ended <- struct{}{}:
			default:
			}
		})
	}
}

// forget takes away how far shards were read that are gone from the stream and are not read any more.
func (r *shardReaders) forget(ctx context.Context, shards []bus.Shard) error {
	keep := map[string]bool{}
	for _, s := range shards {
		keep[s.ID], keep[s.Name] = true, true
	}
	for id, over := range r.known {
		select {
		case <-over:
			if !keep[id] {
				delete(r.known, id)
			}
		default:
			keep[id] = true
		}
	}
	rows := checkpointKey(r.sc, r.m.id())
	gone, err := shardsKept(ctx, r.r.d.Store, rows)
	gone = slices.DeleteFunc(gone, func(id string) bool { return keep[id] })
	if err != nil || len(gone) == 0 {
		return err
	}
	return r.r.d.Store.Update(ctx, func(tx store.Tx) error {
		for _, id := range gone {
			if err := tx.DeleteRange(rows.Clone().Str(id), rows.Clone().Str(id).End()); err != nil {
				return err
			}
		}
		return nil
	})
}

// shardsKept gives the shards that a mapping's rows are of, each once.
func shardsKept(ctx context.Context, s store.Store, rows store.Key) (all []string, err error) {
	err = s.View(ctx, func(rd store.Reader) error {
		all = nil
		o := store.Prefix(rows)
		o.KeysOnly = true
		it := rd.Scan(o)
		defer func() { _ = it.Close() }()
		for it.Next() {
			id, _, err := store.CutStr(it.Key()[len(rows):])
			if err != nil {
				return err
			}
			if len(all) == 0 || all[len(all)-1] != id { // a row for each lane
				all = append(all, id)
			}
		}
		return it.Err()
	})
	return all, err
}

// overAll waits for the end of shards; false when ctx ends before.
func overAll(ctx context.Context, shards []chan struct{}) bool {
	for _, over := range shards {
		select {
		case <-over:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

func (p *poller) shards(ctx context.Context) ([]bus.Shard, error) {
	stream, err := p.r.d.Bus.Stream(p.src)
	if err != nil {
		return nil, err
	}
	return stream.Shards(ctx, p.src)
}

// pollShard reads a shard in as many lanes as the mapping has.
func (p *poller) pollShard(ctx context.Context, shard bus.Shard) {
	of := int(val(p.m.Config.ParallelizationFactor, 1))
	for trouble := 0; ctx.Err() == nil; trouble++ {
		stream, err := p.r.d.Bus.Stream(p.src)
		if err == nil {
			err = p.layLanes(ctx, shard, of)
		}
		if err == nil {
			var all sync.WaitGroup
			for n := range of {
				all.Go(func() { (&lane{poller: p, stream: stream, shard: shard, n: n, of: of}).run(ctx) })
			}
			all.Wait()
			return
		}
		if ctx.Err() == nil {
			p.warn(trouble, err, "shard", shard.Name)
			pause(ctx, backoff(trouble))
		}
	}
}

// layLanes makes the rows of a shard's lanes. When their number has changed, all begin where the last of the former ones was.
func (p *poller) layLanes(ctx context.Context, shard bus.Shard, of int) error {
	return p.r.d.Store.Update(ctx, func(tx store.Tx) error {
		if there, err := p.exists(tx); err != nil || !there {
			return err
		}
		rows := checkpointKey(p.sc, p.m.id()).Str(shard.ID)
		old, err := lanesAt(tx, rows)
		if err != nil || len(old) == of && old[0].Lanes == of {
			return err
		}
		if len(old) == 0 { // an older build kept them by the name
			rows := checkpointKey(p.sc, p.m.id()).Str(shard.Name)
			if old, err = lanesAt(tx, rows); err != nil {
				return err
			}
			if err := tx.DeleteRange(rows, rows.End()); err != nil {
				return err
			}
		}
		var from laneProgress
		for i, x := range old {
			if i == 0 || bytes.Compare(x.At, from.At) < 0 {
				from = x
			}
		}
		from.Lanes = of
		if err := tx.DeleteRange(rows, rows.End()); err != nil {
			return err
		}
		for n := range of {
			if err := save(tx, laneKey(p.sc, p.m.id(), shard.ID, n), from); err != nil {
				return err
			}
		}
		return nil
	})
}

func lanesAt(rd store.Reader, rows store.Key) (all []laneProgress, err error) {
	err = each(rd, rows, func(x laneProgress) (bool, error) { all = append(all, x); return true, nil })
	return all, err
}
