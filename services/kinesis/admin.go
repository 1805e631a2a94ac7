package kinesis

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/store"
)

// The limits of streams. Those of shards are the account's, in each region.
const (
	maxShards     = 1000 // open ones
	maxKept       = 5000 // of one stream, closed ones among them
	maxOnDemand   = 50
	defaultShards = 4 // of a stream on demand
	leastHours    = 24
	mostHours     = 8760
)

const (
	provisioned = "PROVISIONED"
	onDemand    = "ON_DEMAND"
)

// refuseCreate refuses by name what the room does not do.
func refuseCreate(in *api.CreateStreamInput) error {
	switch {
	case in.WarmThroughputMiBps != nil:
		return cloud.NotImplementedf("kinesis:CreateStream: WarmThroughputMiBps is not served")
	case in.MaxRecordSizeInKiB != nil && *in.MaxRecordSizeInKiB != maxRecord>>10:
		return cloud.NotImplementedf("kinesis:CreateStream: records over 1 MiB are not served (MaxRecordSizeInKiB)")
	case in.RecordDistributionStrategy != nil:
		return cloud.NotImplementedf("kinesis:CreateStream: RecordDistributionStrategy is not served")
	}
	return nil
}

// shardsOf gives how many shards a new stream begins with.
func shardsOf(in *api.CreateStreamInput) (int, bool, error) {
	demand := in.StreamModeDetails != nil && *in.StreamModeDetails.StreamMode == onDemand
	switch {
	case demand && in.ShardCount != nil:
		return 0, demand, errValidation("ShardCount cannot be set for a stream in ON_DEMAND mode.")
	case demand:
		return defaultShards, demand, nil
	case in.ShardCount == nil:
		return 0, demand, errValidation("ShardCount must be set for a stream in PROVISIONED mode.")
	}
	return int(*in.ShardCount), demand, nil
}

// createStream serves CreateStream. A stream is active when the answer is given.
func (s *service) createStream(ctx context.Context, in *api.CreateStreamInput) (*api.CreateStreamOutput, error) {
	if err := cmp.Or(refuseCreate(in), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	count, demand, err := shardsOf(in)
	if err != nil {
		return nil, err
	}
	at := ref{cloud.CallFrom(ctx).Scope, *in.StreamName}
	if len(in.Tags) > maxTags {
		return nil, errArgument("Failed to add tags to stream %s under account %s because a given stream cannot have more than %d tags associated with it.", at.Name, at.Account, maxTags)
	}
	gen, err := strconv.ParseUint(s.d.IDs.Hex(8), 16, 64)
	if err != nil {
		return nil, err
	}
	now := s.d.Clock.Now().UTC()
	id := strings.ToLower(s.d.IDs.Alnum(20) + "-" + s.d.IDs.Alnum(3))
	return &api.CreateStreamOutput{}, s.update(ctx, func(tx store.Tx) error {
		have, err := s.load(tx, at)
		if err != nil {
			return err
		}
		if have != nil {
			return errExists(at)
		}
		st := &stream{ref: at, ID: id, Gen: gen, Created: now.Truncate(time.Second), OnDemand: demand, Hours: leastHours, Tags: in.Tags}
		if err := cmp.Or(s.mayOpen(tx, st, count), s.mayDemand(tx, st)); err != nil {
			return err
		}
		r := &reshape{tx, st, now}
		starts := evenly(count)
		for i, lo := range starts {
			hi := maxHash
			if i+1 < count {
				hi = starts[i+1].add(-1)
			}
			if _, err := r.open(lo, hi); err != nil {
				return err
			}
		}
		if err := tx.Put(idKey(at.Scope, id), []byte(at.Name)); err != nil {
			return err
		}
		return s.save(tx, st)
	})
}

// openShards counts the open shards of a stream's account and region.
func (s *service) openShards(r store.Reader, st *stream) (n int, err error) {
	err = s.eachStream(r, st.Scope, "", func(x *stream) (bool, error) {
		n += len(x.open)
		return true, nil
	})
	return n, err
}

// mayDemand refuses more streams on demand than the account may have.
func (s *service) mayDemand(r store.Reader, st *stream) error {
	if !st.OnDemand {
		return nil
	}
	n := 0
	err := s.eachStream(r, st.Scope, "", func(x *stream) (bool, error) {
		if x.OnDemand && x.Name != st.Name {
			n++
		}
		return true, nil
	})
	if err == nil && n >= maxOnDemand {
		return errLimit("This request would exceed the limit of %d streams in on-demand mode for the account %s.", maxOnDemand, st.Account)
	}
	return err
}

// deleteStream serves DeleteStream. The stream is gone, with its records, when the answer is given.
func (s *service) deleteStream(ctx context.Context, in *api.DeleteStreamInput) (*api.DeleteStreamOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	return &api.DeleteStreamOutput{}, s.update(ctx, func(tx store.Tx) error {
		st, err := s.find(tx, at)
		if err != nil {
			return err
		}
		all, err := st.consumers(tx, "")
		if err != nil {
			return err
		}
		if len(all) > 0 && (in.EnforceConsumerDeletion == nil || !*in.EnforceConsumerDeletion) {
			return errInUse("Stream %s under account %s has registered consumers. Deregister them, or set EnforceConsumerDeletion.", at.Name, at.Account)
		}
		for i := range st.Shards {
			if err := st.log(st.Shards[i].N).Delete(tx); err != nil {
				return err
			}
		}
		for _, key := range []store.Key{st.consumersKey(), st.marksKey()} {
			if err := tx.DeleteRange(key, key.End()); err != nil {
				return err
			}
		}
		tx.AfterCommit(func(store.Stamp) { s.forget(at) })
		return cmp.Or(tx.Delete(streamKey(at)), tx.Delete(stateKey(at)), tx.Delete(idKey(at.Scope, st.ID)))
	})
}

// forget drops what is known of a stream that is gone, and of its consumers.
func (s *service) forget(gone ref) {
	s.policies.ForgetAll(func(a cloud.ARN) bool { at, _, _ := refOfARN(a); return at == gone })
	s.meters.Delete(gone)
}

func (st *stream) mode() *api.StreamModeDetails {
	if st.OnDemand {
		return &api.StreamModeDetails{StreamMode: new(onDemand)}
	}
	return &api.StreamModeDetails{StreamMode: new(provisioned)}
}

// describeStream serves DescribeStream.
func (s *service) describeStream(ctx context.Context, in *api.DescribeStreamInput) (*api.DescribeStreamOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &api.DescribeStreamOutput{}
	return out, s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		d := &api.StreamDescription{StreamName: &at.Name, StreamARN: new(at.arn().String()), StreamStatus: new("ACTIVE"), StreamModeDetails: st.mode(),
			RetentionPeriodHours: new(int32(st.Hours)), StreamCreationTimestamp: &st.Created, EnhancedMonitoring: st.monitored(), EncryptionType: new("NONE")}
		from := 0
		for from < len(st.Shards) && in.ExclusiveStartShardId != nil && shardID(st.Shards[from].N) <= *in.ExclusiveStartShardId {
			from++
		}
		shards := st.Shards[from:]
		d.HasMoreShards = new(len(shards) > limit)
		d.Shards, err = st.describe(r, shards[:min(limit, len(shards))])
		out.StreamDescription = d
		return err
	})
}

// describeStreamSummary serves DescribeStreamSummary.
func (s *service) describeStreamSummary(ctx context.Context, in *api.DescribeStreamSummaryInput) (*api.DescribeStreamSummaryOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStreamSummaryOutput{}
	return out, s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		all, err := st.consumers(r, "")
		out.StreamDescriptionSummary = &api.StreamDescriptionSummary{StreamName: &at.Name, StreamARN: new(at.arn().String()), StreamId: &st.ID, StreamStatus: new("ACTIVE"),
			StreamModeDetails: st.mode(), RetentionPeriodHours: new(int32(st.Hours)), StreamCreationTimestamp: &st.Created, EnhancedMonitoring: st.monitored(),
			EncryptionType: new("NONE"), OpenShardCount: new(int32(len(st.open))), ConsumerCount: new(int32(len(all))), MaxRecordSizeInKiB: new(int32(maxRecord >> 10))}
		return err
	})
}

// listStreams serves ListStreams.
func (s *service) listStreams(ctx context.Context, in *api.ListStreamsInput) (*api.ListStreamsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	limit, after := 100, text(in.ExclusiveStartStreamName)
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if in.NextToken != nil {
		t, err := s.parseToken(*in.NextToken, sc)
		if err != nil {
			return nil, err
		}
		after = t.After
	}
	out := &api.ListStreamsOutput{}
	return out, s.view(ctx, func(r store.Reader) error {
		out.StreamNames, out.StreamSummaries, out.NextToken, out.HasMoreStreams = []string{}, []api.StreamSummary{}, nil, new(false)
		return s.eachStream(r, sc, after, func(st *stream) (bool, error) {
			if n := len(out.StreamNames); n == limit {
				out.HasMoreStreams = new(true)
				out.NextToken = s.nextToken(token{At: ref{Scope: sc}, After: out.StreamNames[n-1]})
				return false, nil
			}
			out.StreamNames = append(out.StreamNames, st.Name)
			out.StreamSummaries = append(out.StreamSummaries, api.StreamSummary{StreamName: &st.Name, StreamARN: new(st.arn().String()), StreamStatus: new("ACTIVE"),
				StreamModeDetails: st.mode(), StreamCreationTimestamp: &st.Created})
			return true, nil
		})
	})
}

// describeLimits serves DescribeLimits.
func (s *service) describeLimits(ctx context.Context, _ *api.DescribeLimitsInput) (*api.DescribeLimitsOutput, error) {
	out := &api.DescribeLimitsOutput{ShardLimit: new(int32(maxShards)), OnDemandStreamCountLimit: new(int32(maxOnDemand))}
	return out, s.view(ctx, func(r store.Reader) error {
		var open, demand int32
		err := s.eachStream(r, cloud.CallFrom(ctx).Scope, "", func(st *stream) (bool, error) {
			open += int32(len(st.open))
			if st.OnDemand {
				demand++
			}
			return true, nil
		})
		out.OpenShardCount, out.OnDemandStreamCount = &open, &demand
		return err
	})
}

// updateStreamMode serves UpdateStreamMode.
func (s *service) updateStreamMode(ctx context.Context, in *api.UpdateStreamModeInput) (*api.UpdateStreamModeOutput, error) {
	at, err := s.at(ctx, nil, in.StreamARN, nil)
	if err != nil {
		return nil, err
	}
	if in.WarmThroughputMiBps != nil {
		return nil, cloud.NotImplementedf("kinesis:UpdateStreamMode: WarmThroughputMiBps is not served")
	}
	return &api.UpdateStreamModeOutput{}, s.change(ctx, at, func(tx store.Tx, st *stream) error {
		st.OnDemand = *in.StreamModeDetails.StreamMode == onDemand
		return s.mayDemand(tx, st)
	})
}

// increaseRetention serves IncreaseStreamRetentionPeriod.
func (s *service) increaseRetention(ctx context.Context, in *api.IncreaseStreamRetentionPeriodInput) (*api.IncreaseStreamRetentionPeriodOutput, error) {
	return &api.IncreaseStreamRetentionPeriodOutput{}, s.retain(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, int(*in.RetentionPeriodHours), func(at ref, have, want int) error {
		if want < have {
			return errArgument("Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.", want, at.Name, have)
		}
		return nil
	})
}

// decreaseRetention serves DecreaseStreamRetentionPeriod. Records that are too old now are not read any more at once.
func (s *service) decreaseRetention(ctx context.Context, in *api.DecreaseStreamRetentionPeriodInput) (*api.DecreaseStreamRetentionPeriodOutput, error) {
	return &api.DecreaseStreamRetentionPeriodOutput{}, s.retain(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, int(*in.RetentionPeriodHours), func(at ref, have, want int) error {
		if want > have {
			return errArgument("Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.", want, at.Name, have)
		}
		return nil
	})
}

func (s *service) retain(ctx context.Context, n names, hours int, check func(at ref, have, want int) error) error {
	at, err := s.at(ctx, n.name, n.arn, n.id)
	switch {
	case err != nil:
		return err
	case hours < leastHours:
		return errArgument("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", leastHours, hours)
	case hours > mostHours:
		return errArgument("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", mostHours, hours)
	}
	return s.change(ctx, at, func(tx store.Tx, st *stream) error {
		if err := check(at, st.Hours, hours); err != nil {
			return err
		}
		st.Hours = hours
		now := s.d.Clock.Now()
		tx.AfterCommit(func(store.Stamp) { s.sweeps.Arm(at, now) })
		return nil
	})
}
