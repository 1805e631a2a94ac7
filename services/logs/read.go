package logs

import (
	"context"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"time"

	api "sundog/api/logs"
	"sundog/engine/telemetry"
	"sundog/internal/pattern"
	"sundog/lang/logfilter"
)

// The limits of one answer (API reference, GetLogEvents and FilterLogEvents).
const (
	pageEvents = 10_000
	pageBytes  = 1 << 20
)

// span limits a query to the times that were asked for and have not expired. In GetLogEvents the end is not included.
func (r *logsRoom) span(q *telemetry.LogQuery, rec *record, start, end *int64, included bool) {
	if start != nil {
		q.From = time.UnixMilli(*start)
	}
	if end != nil {
		q.To = time.UnixMilli(*end)
		if !included {
			q.To = q.To.Add(-time.Millisecond)
		}
	}
	if cut := r.cut(rec); cut.After(q.From) {
		q.From = cut
	}
}

// position is a token of GetLogEvents: which way it goes from which event. The event of a token of the other way is included, so that
// going back from an empty page shows what came before it.
var position = pattern.New(`^([fb])/([0-9]{56})$`)

// eventID is the form of events' ids.
var eventID = pattern.New(`^[0-9]{56}$`)

// origin is the event id that stands before all events.
var origin = strings.Repeat("0", 56)

func (r *logsRoom) getEvents(ctx context.Context, in *api.GetLogEventsInput) (*api.GetLogEventsOutput, error) {
	n, err := groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := r.needStream(ctx, n, text(in.LogStreamName)); err != nil {
		return nil, err
	}
	q := telemetry.LogQuery{Group: n.group(), Streams: []string{text(in.LogStreamName)}, Limit: number(in.Limit, pageEvents), MaxBytes: pageBytes}
	r.span(&q, rec, in.StartTime, in.EndTime, false)
	q.Descending = in.StartFromHead == nil || !*in.StartFromHead
	if in.NextToken != nil {
		m := position.FindStringSubmatch(*in.NextToken)
		if m == nil {
			return nil, errParameter("The specified nextToken is invalid.")
		}
		if q.Descending = m[1] == "b"; q.Descending {
			q.Before = m[2]
		} else {
			q.After = m[2]
		}
	}
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	events, err := r.d.Telemetry.Logs(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.Descending {
		slices.Reverse(events)
	}
	return eventsOut(events, q), nil
}

// eventsOut answers with events and the tokens that go on from them: at the end of the stream, the token that was given.
func eventsOut(events []telemetry.LogEvent, q telemetry.LogQuery) *api.GetLogEventsOutput {
	out := &api.GetLogEventsOutput{Events: make([]api.OutputLogEvent, 0, len(events))}
	for _, e := range events {
		out.Events = append(out.Events, api.OutputLogEvent{Timestamp: new(e.Time.UnixMilli()), Message: new(e.Message), IngestionTime: new(e.Ingested.UnixMilli())})
	}
	first, last := origin, origin
	switch {
	case len(events) > 0:
		first, last = events[0].ID, events[len(events)-1].ID
	case q.After != "":
		first, last = step(q.After, 1), q.After
	case q.Before != "":
		first, last = q.Before, step(q.Before, -1)
	}
	out.NextForwardToken, out.NextBackwardToken = new("f/"+last), new("b/"+first)
	return out
}

// step gives the id that lies by beside an id; there is none before the origin.
func step(id string, by int64) string {
	n, ok := new(big.Int).SetString(id, 10)
	if !ok || n.Add(n, big.NewInt(by)).Sign() < 0 {
		return origin
	}
	digits := n.String()
	return strings.Repeat("0", max(len(origin)-len(digits), 0)) + digits
}

func (r *logsRoom) filterEvents(ctx context.Context, in *api.FilterLogEventsInput) (*api.FilterLogEventsOutput, error) {
	n, err := groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, errParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, s := range in.LogStreamNames {
		if err := r.needStream(ctx, n, s); err != nil {
			return nil, err
		}
	}
	q := telemetry.LogQuery{
		Group: n.group(), Streams: in.LogStreamNames, StreamPrefix: text(in.LogStreamNamePrefix), Limit: number(in.Limit, pageEvents), MaxBytes: pageBytes,
		Descending: in.StartFromHead != nil && !*in.StartFromHead,
	}
	r.span(&q, rec, in.StartTime, in.EndTime, true)
	if !q.To.IsZero() && q.To.Before(q.From) && in.StartTime != nil && *in.StartTime > *in.EndTime {
		return nil, errParameter("endTime must be greater than or equal to startTime.")
	}
	if pattern := text(in.FilterPattern); pattern != "" {
		p, err := logfilter.Parse(pattern)
		if err != nil {
			return nil, errParameter("Invalid filter pattern")
		}
		q.Match = p.Match
	}
	return r.filtered(ctx, q, in.NextToken)
}

// filtered answers one page; the token is the last event that was given.
func (r *logsRoom) filtered(ctx context.Context, q telemetry.LogQuery, token *string) (*api.FilterLogEventsOutput, error) {
	if token != nil {
		id, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil || !eventID.MatchString(string(id)) {
			return nil, errParameter("The specified nextToken is invalid.")
		}
		if q.Descending {
			q.Before = string(id)
		} else {
			q.After = string(id)
		}
	}
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	events, err := r.d.Telemetry.Logs(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &api.FilterLogEventsOutput{Events: make([]api.FilteredLogEvent, 0, len(events)), SearchedLogStreams: []api.SearchedLogStream{}}
	size := 0
	for _, e := range events {
		size += len(e.Message) + eventBytes
		out.Events = append(out.Events, api.FilteredLogEvent{
			LogStreamName: new(e.Stream), Timestamp: new(e.Time.UnixMilli()), Message: new(e.Message), IngestionTime: new(e.Ingested.UnixMilli()), EventId: new(e.ID),
		})
	}
	if len(events) > 0 && (len(events) == q.Limit || size >= q.MaxBytes) {
		out.NextToken = new(base64.RawURLEncoding.EncodeToString([]byte(events[len(events)-1].ID)))
	}
	return out, nil
}
