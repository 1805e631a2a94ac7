package logs

import (
	"context"
	"fmt"
	"time"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/telemetry"
)

// The limits of PutLogEvents (API reference).
const (
	batchBytes   = 1 << 20
	eventBytes   = 26 // counted for each event besides its message
	batchSpan    = 24 * time.Hour
	oldest       = 14 * 24 * time.Hour
	newest       = 2 * time.Hour
	day          = 24 * time.Hour
	messageBytes = 1 << 20
)

func (r *logsRoom) putEvents(ctx context.Context, in *api.PutLogEventsInput) (*api.PutLogEventsOutput, error) {
	n, stream := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}, text(in.LogStreamName)
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := r.needStream(ctx, n, stream); err != nil {
		return nil, err
	}
	now := r.d.Clock.Now()
	from, to, rejected := window(in.LogEvents, now, rec.Retention)
	events := make([]telemetry.LogEvent, 0, max(to-from, 0))
	for _, e := range in.LogEvents[from:max(from, to)] {
		events = append(events, telemetry.LogEvent{Time: time.UnixMilli(*e.Timestamp).UTC(), Message: text(e.Message)})
	}
	if len(events) > 0 {
		if err := r.d.Telemetry.LogDurable(ctx, n.group(), stream, events...); err != nil {
			return nil, err
		}
	}
	return &api.PutLogEventsOutput{NextSequenceToken: new(sequenceToken(now)), RejectedLogEventsInfo: rejected}, nil
}

// sequenceToken makes a token: clients that still send it back get it, and none is checked (API reference, PutLogEvents).
func sequenceToken(at time.Time) string { return fmt.Sprintf("49%054d", max(at.UnixNano(), 0)) }

func checkBatch(events []api.InputLogEvent) error {
	size, last := 0, int64(0)
	for i, e := range events {
		if e.Timestamp == nil || e.Message == nil || *e.Message == "" {
			return errParameter("1 validation error detected: Value at 'logEvents.%d.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1", i+1)
		}
		if *e.Timestamp < 0 {
			return errParameter("1 validation error detected: Value '%d' at 'logEvents.%d.member.timestamp' failed to satisfy constraint: Member must have value greater than or equal to 0", *e.Timestamp, i+1)
		}
		if *e.Timestamp < last {
			return errParameter("Log events in a single PutLogEvents request must be in chronological order.")
		}
		last = *e.Timestamp
		if len(*e.Message) > messageBytes {
			return errParameter("Log event too large: %d bytes exceeds limit of %d", len(*e.Message)+eventBytes, messageBytes)
		}
		size += len(*e.Message) + eventBytes
	}
	if size > batchBytes {
		return errParameter("Upload too large: %d bytes exceeds limit of %d", size, batchBytes)
	}
	if len(events) > 0 && last-*events[0].Timestamp > batchSpan.Milliseconds() {
		return errParameter("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// window gives the part of a batch that is taken, events[from:to], and what the answer says of the rest.
func window(events []api.InputLogEvent, now time.Time, retention int32) (from, to int, rejected *api.RejectedLogEventsInfo) {
	info := api.RejectedLogEventsInfo{}
	tooOld, expired := now.Add(-oldest).UnixMilli(), int64(0)
	if retention > 0 {
		expired = now.Add(-time.Duration(retention) * day).UnixMilli()
	}
	to = len(events)
	for i, e := range events {
		switch t := *e.Timestamp; {
		case t < tooOld:
			from, info.TooOldLogEventEndIndex = i+1, new(int32(i+1))
		case t < expired:
			from, info.ExpiredLogEventEndIndex = i+1, new(int32(i+1))
		case t > now.Add(newest).UnixMilli() && info.TooNewLogEventStartIndex == nil:
			to, info.TooNewLogEventStartIndex = i, new(int32(i))
		}
	}
	if info == (api.RejectedLogEventsInfo{}) {
		return from, to, nil
	}
	return from, to, &info
}

func unixMilli(ms uint64) time.Time { return time.UnixMilli(int64(ms)).UTC() }
