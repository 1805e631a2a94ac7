package logs

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
)

func (r *logsRoom) createStream(ctx context.Context, in *api.CreateLogStreamInput) (*api.CreateLogStreamOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	s, err := r.d.Telemetry.Stream(ctx, n.group(), text(in.LogStreamName))
	if err != nil {
		return nil, err
	}
	if s != nil {
		return nil, errExists("stream")
	}
	k := n.streams().Str(text(in.LogStreamName))
	return &api.CreateLogStreamOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		old, err := tx.Get(k)
		if err != nil {
			return err
		}
		if old != nil {
			return errExists("stream")
		}
		return tx.Put(k, binary.BigEndian.AppendUint64(nil, uint64(r.d.Clock.Now().UnixMilli())))
	})
}

func (r *logsRoom) deleteStream(ctx context.Context, in *api.DeleteLogStreamInput) (*api.DeleteLogStreamOutput, error) {
	n, stream := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}, text(in.LogStreamName)
	if err := r.needStream(ctx, n, stream); err != nil {
		return nil, err
	}
	if err := r.d.Telemetry.DeleteStream(ctx, n.group(), stream); err != nil {
		return nil, err
	}
	return &api.DeleteLogStreamOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(n.streams().Str(stream)) })
}

// needStream gives an error when there is no such group or stream.
func (r *logsRoom) needStream(ctx context.Context, n name, stream string) error {
	if _, err := r.record(ctx, n); err != nil {
		return err
	}
	var row []byte
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		row, err = rd.Get(n.streams().Str(stream))
		return err
	})
	if err != nil || row != nil {
		return err
	}
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return err
	}
	s, err := r.d.Telemetry.Stream(ctx, n.group(), stream)
	if err == nil && s == nil {
		return errNoStream()
	}
	return err
}

// streams gives all streams of a group: those that were created, and those with lines.
func (r *logsRoom) streams(ctx context.Context, n name) ([]telemetry.StreamInfo, error) {
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	all, err := r.d.Telemetry.Streams(ctx, n.group())
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, s := range all {
		at[s.Name] = i
	}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		it := rd.Scan(store.Prefix(n.streams()))
		defer func() { _ = it.Close() }()
		for it.Next() {
			stream, _, err := store.CutStr(it.Key()[len(n.streams()):])
			if err != nil {
				return err
			}
			ms, _, err := store.CutU64(it.Value())
			if err != nil {
				return err
			}
			if _, ok := at[stream]; !ok {
				at[stream] = len(all)
				all = append(all, telemetry.StreamInfo{Name: stream})
			}
			all[at[stream]].Created = unixMilli(ms)
		}
		return it.Err()
	})
	return all, err
}

func (r *logsRoom) describeStreams(ctx context.Context, in *api.DescribeLogStreamsInput) (*api.DescribeLogStreamsOutput, error) {
	n, err := groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := text(in.OrderBy) == "LastEventTime"
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, errParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	all, err := r.streams(ctx, n)
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, s := range all {
		if strings.HasPrefix(s.Name, text(in.LogStreamNamePrefix)) {
			kept = append(kept, s)
		}
	}
	kept, next, err := page(kept, in.NextToken, number(in.Limit, 50), in.Descending != nil && *in.Descending, func(s telemetry.StreamInfo) string {
		if byTime {
			return fmt.Sprintf("%020d %s", max(s.Last.UnixMilli(), 0), s.Name)
		}
		return s.Name
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLogStreamsOutput{LogStreams: make([]api.LogStream, 0, len(kept)), NextToken: next}
	for _, s := range kept {
		out.LogStreams = append(out.LogStreams, shown(n, s))
	}
	return out, nil
}

// shown describes a stream. The service no longer keeps count of storedBytes per stream: it is 0 (API reference, LogStream).
func shown(n name, s telemetry.StreamInfo) api.LogStream {
	out := api.LogStream{
		LogStreamName: new(s.Name), Arn: new(n.stream(s.Name).String()), StoredBytes: new(int64(0)),
		CreationTime: new(s.Created.UnixMilli()), UploadSequenceToken: new(sequenceToken(s.Ingested)),
	}
	if !s.Last.IsZero() {
		out.FirstEventTimestamp, out.LastEventTimestamp = new(s.First.UnixMilli()), new(s.Last.UnixMilli())
		out.LastIngestionTime = new(s.Ingested.UnixMilli())
	}
	return out
}
