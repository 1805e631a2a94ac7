package kinesis

import (
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/telemetry"
)

const metricSpace = "AWS/Kinesis"

// meters record the metrics of one stream, and of its consumers (Kinesis Data Streams Developer Guide, "Basic Stream-level Metrics"). Nothing is throttled, so
// what tells of that is always zero.
type meters struct {
	put, putMany, get                   telemetry.Meter // of what succeeded
	putFailed, putManyFailed, getFailed telemetry.Meter
	scope                               cloud.Scope
	stream                              string
	consumers                           sync.Map // name -> *consumerMeters
}

// consumerMeters record the metrics of a consumer.
type consumerMeters struct{ subscribed, event telemetry.Meter }

// metersOf are those of a stream.
func (s *service) metersOf(at ref) *meters {
	if m, ok := s.meters.Load(at); ok {
		return m.(*meters)
	}
	count := func(name string) telemetry.Gauge { return telemetry.Gauge{Name: name, Unit: "Count"} }
	size := func(name string) telemetry.Gauge { return telemetry.Gauge{Name: name, Unit: "Bytes"} }
	took := func(name string) telemetry.Gauge { return telemetry.Gauge{Name: name, Unit: "Milliseconds"} }
	dimensions := map[string]string{"StreamName": at.Name}
	meter := func(gauges ...telemetry.Gauge) telemetry.Meter {
		return s.d.Telemetry.Meter(at.Scope, metricSpace, dimensions, gauges...)
	}
	m, _ := s.meters.LoadOrStore(at, &meters{
		scope: at.Scope, stream: at.Name,
		put: meter(count("PutRecord.Success"), took("PutRecord.Latency"), size("PutRecord.Bytes"), size("IncomingBytes"), count("IncomingRecords"), count("WriteProvisionedThroughputExceeded")),
		putMany: meter(count("PutRecords.Success"), took("PutRecords.Latency"), size("PutRecords.Bytes"), size("IncomingBytes"), count("IncomingRecords"), count("WriteProvisionedThroughputExceeded"),
			count("PutRecords.Records"), count("PutRecords.TotalRecords"), count("PutRecords.SuccessfulRecords"), count("PutRecords.FailedRecords"), count("PutRecords.ThrottledRecords")),
		get: meter(count("GetRecords.Success"), took("GetRecords.Latency"), size("GetRecords.Bytes"), count("GetRecords.Records"), took("GetRecords.IteratorAgeMilliseconds"),
			count("ReadProvisionedThroughputExceeded")),
		putFailed: meter(count("PutRecord.Success")), putManyFailed: meter(count("PutRecords.Success")), getFailed: meter(count("GetRecords.Success")),
	})
	return m.(*meters)
}

// consumer gives the meters of one of the stream's consumers.
func (m *meters) consumer(t telemetry.Recorder, name string) *consumerMeters {
	if c, ok := m.consumers.Load(name); ok {
		return c.(*consumerMeters)
	}
	dimensions := map[string]string{"StreamName": m.stream, "ConsumerName": name}
	meter := func(gauges ...telemetry.Gauge) telemetry.Meter {
		return t.Meter(m.scope, metricSpace, dimensions, gauges...)
	}
	c, _ := m.consumers.LoadOrStore(name, &consumerMeters{
		subscribed: meter(telemetry.Gauge{Name: "SubscribeToShard.Success", Unit: "Count"}, telemetry.Gauge{Name: "SubscribeToShard.RateExceeded", Unit: "Count"}),
		event: meter(telemetry.Gauge{Name: "SubscribeToShardEvent.Success", Unit: "Count"}, telemetry.Gauge{Name: "SubscribeToShardEvent.Bytes", Unit: "Bytes"},
			telemetry.Gauge{Name: "SubscribeToShardEvent.Records", Unit: "Count"}, telemetry.Gauge{Name: "SubscribeToShardEvent.MillisBehindLatest", Unit: "Milliseconds"}),
	})
	return c.(*consumerMeters)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measurePut records a call that put records, or was to: since when it ran, and what became of it.
func (s *service) measurePut(at ref, all []entry, many bool, since time.Time, err error) {
	now := s.d.Clock.Now()
	switch {
	case err != nil && cloud.AsError(err).Kind == cloud.NotFound:
		return // there is no stream to count for
	case err != nil && many:
		s.metersOf(at).putManyFailed.Add(now, 0)
		return
	case err != nil:
		s.metersOf(at).putFailed.Add(now, 0)
		return
	}
	size, n, took := 0.0, float64(len(all)), millis(s.d.Clock.Wall().Sub(since))
	for i := range all {
		size += float64(len(all[i].key) + len(all[i].data))
	}
	if many {
		s.metersOf(at).putMany.Add(now, 1, took, size, size, n, 0, n, n, n, 0, 0)
		return
	}
	s.metersOf(at).put.Add(now, 1, took, size, size, n, 0)
}

// measureGet records a call that read records.
func (s *service) measureGet(at ref, p page, since time.Time, err error) {
	now := s.d.Clock.Now()
	switch {
	case err == nil:
		s.metersOf(at).get.Add(now, 1, millis(s.d.Clock.Wall().Sub(since)), p.size(), float64(len(p.records)), p.age(now), 0)
		if len(p.of.Monitor) > 0 {
			s.measureShard(p.of, p.shard, now, map[string]float64{"OutgoingBytes": p.size(), "OutgoingRecords": float64(len(p.records)), "IteratorAgeMilliseconds": p.age(now),
				"ReadProvisionedThroughputExceeded": 0})
		}
	case cloud.AsError(err).Kind != cloud.NotFound:
		s.metersOf(at).getFailed.Add(now, 0)
	}
}

// measureEvent records what a consumer was given.
func (s *service) measureEvent(at ref, consumer string, p page) {
	c := s.metersOf(at).consumer(s.d.Telemetry, consumer)
	c.event.Add(s.d.Clock.Now(), 1, p.size(), float64(len(p.records)), float64(s.behind(p)))
}

func (p *page) size() (n float64) {
	for i := range p.records {
		n += float64(len(p.records[i].key) + len(p.records[i].data))
	}
	return n
}

// age is how old the last record is, in milliseconds. Who has read all is at zero.
func (p *page) age(now time.Time) float64 {
	last := p.ahead
	if n := len(p.records); n > 0 {
		last = p.records[n-1].arrival
	}
	if last == 0 {
		return 0
	}
	return float64(max(0, now.UnixMilli()-last))
}
