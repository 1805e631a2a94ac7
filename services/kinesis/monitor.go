package kinesis

import (
	"context"
	"slices"
	"time"

	api "sundog/api/kinesis"
	"sundog/engine/store"
	"sundog/engine/telemetry"
)

// Metrics of single shards, which a stream has when it is asked for them (Kinesis Data Streams Developer Guide, "Enhanced Shard-level Metrics").

// shardMetrics are all that there are, with their units.
var shardMetrics = map[string]string{
	"IncomingBytes": "Bytes", "IncomingRecords": "Count", "OutgoingBytes": "Bytes", "OutgoingRecords": "Count", "WriteProvisionedThroughputExceeded": "Count",
	"ReadProvisionedThroughputExceeded": "Count", "IteratorAgeMilliseconds": "Milliseconds",
}

const allMetrics = "ALL"

// monitored gives the metrics of single shards that a stream has, as the API shows them.
func (st *stream) monitored() []api.EnhancedMetrics {
	return []api.EnhancedMetrics{{ShardLevelMetrics: shown(st.Monitor)}}
}

func shown(names []string) []string { return append([]string{}, names...) }

// namedMetrics gives the metrics that a request names, each once.
func namedMetrics(names []string) (out []string) {
	for name := range shardMetrics {
		if slices.Contains(names, name) || slices.Contains(names, allMetrics) {
			out = append(out, name)
		}
	}
	return out
}

// monitor changes which metrics of single shards a stream has, and gives those before and after.
func (s *service) monitor(ctx context.Context, n names, change func(have []string) []string) (at ref, before, after []string, err error) {
	if at, err = s.at(ctx, n.name, n.arn, n.id); err != nil {
		return at, nil, nil, err
	}
	err = s.change(ctx, at, func(_ store.Tx, st *stream) error {
		before = st.Monitor
		after = change(before)
		slices.Sort(after)
		st.Monitor = after
		return nil
	})
	return at, shown(before), shown(after), err
}

// enableMonitoring serves EnableEnhancedMonitoring.
func (s *service) enableMonitoring(ctx context.Context, in *api.EnableEnhancedMonitoringInput) (*api.EnableEnhancedMonitoringOutput, error) {
	more := namedMetrics(in.ShardLevelMetrics)
	at, before, after, err := s.monitor(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, func(have []string) []string {
		return slices.Concat(have, without(more, have))
	})
	if err != nil {
		return nil, err
	}
	return &api.EnableEnhancedMonitoringOutput{StreamName: &at.Name, StreamARN: new(at.arn().String()), CurrentShardLevelMetrics: before, DesiredShardLevelMetrics: after}, nil
}

// disableMonitoring serves DisableEnhancedMonitoring.
func (s *service) disableMonitoring(ctx context.Context, in *api.DisableEnhancedMonitoringInput) (*api.DisableEnhancedMonitoringOutput, error) {
	less := namedMetrics(in.ShardLevelMetrics)
	at, before, after, err := s.monitor(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, func(have []string) []string {
		return without(have, less)
	})
	if err != nil {
		return nil, err
	}
	return &api.DisableEnhancedMonitoringOutput{StreamName: &at.Name, StreamARN: new(at.arn().String()), CurrentShardLevelMetrics: before, DesiredShardLevelMetrics: after}, nil
}

// measureShard records values of one shard, as far as the stream has those metrics.
func (s *service) measureShard(st *stream, shard uint32, now time.Time, values map[string]float64) {
	var all []telemetry.Metric
	for _, name := range st.Monitor {
		if v, ok := values[name]; ok {
			all = append(all, telemetry.Metric{Scope: st.Scope, Namespace: metricSpace, Name: name, Unit: shardMetrics[name], Time: now, Values: []float64{v},
				Dimensions: map[string]string{"StreamName": st.Name, "ShardId": shardID(shard)}})
		}
	}
	s.d.Telemetry.Metric(all...)
}

// measureShards records what came to each shard.
func (s *service) measureShards(st *stream, all []entry, out []placed, now time.Time) {
	if len(st.Monitor) == 0 {
		return
	}
	size, count := map[uint32]float64{}, map[uint32]float64{}
	for i := range all {
		size[out[i].shard] += float64(len(all[i].key) + len(all[i].data))
		count[out[i].shard]++
	}
	for shard := range count {
		s.measureShard(st, shard, now, map[string]float64{"IncomingBytes": size[shard], "IncomingRecords": count[shard], "WriteProvisionedThroughputExceeded": 0})
	}
}
