package lambda

import (
	"context"
	"encoding/json"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
)

// window is a tumbling window: what the function's calls of one span of time make of its records (Lambda Developer Guide, "Tumbling windows"). It is
// kept with the position up to which it counts.
type window struct {
	Start time.Time
	State json.RawMessage
}

const (
	maxState = 1 << 20
	// lateness is how long a window stays open for records that were stamped in it and committed after it.
	lateness = time.Second
)

func (l *lane) windowed() bool { return val(l.m.Config.TumblingWindowInSeconds, 0) > 0 }

func (l *lane) windowLength() time.Duration {
	return time.Duration(val(l.m.Config.TumblingWindowInSeconds, 0)) * time.Second
}

// windowEnd is when the open window is over.
func (l *lane) windowEnd() time.Time { return l.window.Start.Add(l.windowLength() + lateness) }

// inWindow tells whether a record belongs to the open window, and opens one when there is none. Late records belong to the one that is open.
func (l *lane) inWindow(rec bus.Record) bool {
	if !l.windowed() {
		return true
	}
	start := rec.Time.UTC().Truncate(l.windowLength())
	if l.window == nil {
		l.window = &window{Start: start, State: json.RawMessage("{}")}
	}
	return !start.After(l.window.Start)
}

// aggregate is what goes beside the records of a windowed call; nil for others.
func (l *lane) aggregate(final, early bool) any {
	if !l.windowed() || l.window == nil {
		return nil
	}
	return struct {
		Window  map[string]string `json:"window"`
		State   json.RawMessage   `json:"state"`
		Shard   string            `json:"shardId"`
		Source  string            `json:"eventSourceARN"`
		Final   bool              `json:"isFinalInvokeForWindow"`
		Stopped bool              `json:"isWindowTerminatedEarly"`
	}{
		map[string]string{"start": l.window.Start.Format(time.RFC3339), "end": l.window.Start.Add(l.windowLength()).Format(time.RFC3339)},
		l.window.State, l.shard.Name, l.src.String(), final, early,
	}
}

// keepState takes the state out of a response; false when there is none, which fails the call. A state that is too large ends the window early.
func (l *lane) keepState(ctx context.Context, payload []byte) (bool, error) {
	state, ok := stateOf(payload)
	if !ok {
		return false, nil
	}
	l.window.State = state
	if len(state) <= maxState {
		return true, nil
	}
	return true, l.endWindow(ctx, true)
}

func stateOf(payload []byte) (json.RawMessage, bool) {
	var r map[string]json.RawMessage
	if json.Unmarshal(payload, &r) != nil {
		return nil, false
	}
	var state map[string]json.RawMessage
	if json.Unmarshal(r["state"], &state) != nil || state == nil {
		return nil, false
	}
	return r["state"], true
}

// endWindow makes the last call of the window that is open: with its state and no records. It is tried like a batch; a window whose last call is
// given up is lost.
func (l *lane) endWindow(ctx context.Context, early bool) error {
	payload, err := eventOf(nil, recordJSON, l.aggregate(true, early))
	if err != nil {
		return err
	}
	for tried, trouble := 0, 0; ; {
		res, err := l.call(ctx, payload, cloud.Trace{}, streamPatience)
		if err == nil && res.FunctionError == "" {
			break
		}
		l.note(ctx, resultProblem)
		wait := backoff(trouble)
		if trouble++; err == nil {
			tried++
			if limit := val(l.m.Config.MaximumRetryAttempts, -1); limit >= 0 && tried > int(limit) {
				l.r.d.Log.Warn("the last call of a tumbling window failed for good", "mapping", l.m.id(), "shard", l.shard.Name, "window", l.window.Start)
				break
			}
		}
		if !l.rest(ctx, wait) {
			return ctx.Err()
		}
	}
	l.window = nil
	if early {
		return nil // the position is kept with the batch that filled the state
	}
	return l.advance(ctx, l.at)
}
