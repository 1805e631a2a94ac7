package kinesis

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// subscriptionLife is how long a subscription gives events (API reference, SubscribeToShard).
const subscriptionLife = 5 * time.Minute

// maxEvent bounds the records of one event.
const maxEvent = 1 << 20

// subscription is one call of SubscribeToShard that goes on.
type subscription struct {
	s        *service
	consumer cloud.ARN
	shard    uint32
	after    *journal.Position
	wake     <-chan struct{}
	changed  <-chan struct{}
	over     chan struct{} // closed when its time is up
	done     func()
	first    bool // nothing was sent yet
	ended    bool // the shard is at its end
}

var _ schema.EventStream = (*subscription)(nil)

// subscribeToShard serves SubscribeToShard.
func (s *service) subscribeToShard(ctx context.Context, in *api.SubscribeToShardInput) (*api.SubscribeToShardOutput, error) {
	a, err := s.consumerARN(ctx, nil, nil, in.ConsumerARN)
	if err != nil {
		return nil, err
	}
	if err := refuseDryRun("SubscribeToShard", in.DryRun); err != nil {
		return nil, err
	}
	sub := &subscription{s: s, consumer: a, first: true, over: make(chan struct{})}
	var log journal.Log
	var state store.Key
	err = s.view(ctx, func(r store.Reader) error {
		return s.onConsumer(r, a, func(st *stream, _ *consumer) error {
			sh := st.named(*in.ShardId)
			if sh == nil {
				return errNoShard(st.ref, *in.ShardId)
			}
			p := in.StartingPosition
			sub.shard, log, state = sh.N, st.log(sh.N), stateKey(st.ref)
			sub.after, err = s.startOf(r, st, sh.N, start{*p.Type, p.SequenceNumber, p.Timestamp}, "SubscribeToShard")
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	at, reader, _ := refOfARN(a)
	wake, stop := s.d.Store.Watch(log)
	changed, leave := s.d.Store.Watch(state)
	timer := time.AfterFunc(subscriptionLife, sync.OnceFunc(func() { close(sub.over) }))
	sub.wake, sub.changed = wake, changed
	sub.done = sync.OnceFunc(func() { timer.Stop(); stop(); leave() })
	s.metersOf(at).consumer(s.d.Telemetry, consumerName(reader)).subscribed.Add(s.d.Clock.Now(), 1, 0)
	return &api.SubscribeToShardOutput{EventStream: sub}, nil
}

// Next gives the next event: one at once, then whenever there are records, and the last one when the shard is at its end.
func (sub *subscription) Next(ctx context.Context) (any, error) {
	for !sub.ended {
		event, err := sub.look(ctx)
		if err != nil || event != nil {
			return event, err
		}
		select {
		case <-ctx.Done():
			return nil, io.EOF
		case <-sub.over:
			return nil, io.EOF
		case <-sub.s.work.Context().Done():
			return nil, io.EOF
		case <-sub.wake:
		case <-sub.changed:
		}
	}
	return nil, io.EOF
}

// look reads what follows; nil when there is nothing to tell.
func (sub *subscription) look(ctx context.Context) (event *api.SubscribeToShardEventStream, err error) {
	s := sub.s
	var p page
	err = s.view(ctx, func(r store.Reader) error {
		event = nil
		return s.onConsumer(r, sub.consumer, func(st *stream, _ *consumer) (err error) {
			p, err = s.read(r, st, sub.shard, sub.after, 10000, maxEvent)
			if err != nil {
				return err
			}
			sh := st.shard(sub.shard)
			ended := p.ahead == 0 && (sh == nil || !sh.isOpen())
			if len(p.records) == 0 && !ended && !sub.first {
				return nil
			}
			e := &api.SubscribeToShardEvent{Records: make([]api.Record, len(p.records)), MillisBehindLatest: new(s.behind(p))}
			for i := range p.records {
				e.Records[i] = p.records[i].output(sub.shard)
			}
			var at journal.Position
			if p.next != nil {
				at = *p.next
			}
			e.ContinuationSequenceNumber = new(sequence(sub.shard, at))
			if ended {
				e.ChildShards = st.children(sub.shard)
			}
			sub.after, sub.first, sub.ended = p.next, false, ended
			event = &api.SubscribeToShardEventStream{SubscribeToShardEvent: e}
			return nil
		})
	})
	if err != nil && (ctx.Err() != nil || errors.Is(err, store.ErrClosed)) {
		return nil, io.EOF
	}
	if event != nil && err == nil {
		at, reader, _ := refOfARN(sub.consumer)
		s.measureEvent(at, consumerName(reader), p)
	}
	return event, err
}

// Close ends the subscription.
func (sub *subscription) Close() error {
	sub.done()
	return nil
}
