package lambda

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

// shift is one deployment's gradual move of calls to the new versions of its functions. It is kept, so that a process that starts anew goes on
// where the last one was.
type shift struct {
	Token string // of the step of the deployment that it belongs to
	Steps []shiftStep
	Limit float64 // percent of calls of a new version that may fail
	Moves []shiftMove
	Began time.Time // when the first step did; zero: not yet
	At    int       // the step that the aliases' weights are set for
	Done  bool      // all steps are over: the aliases are being moved for good
	Fault string    // why it was given up
}

type shiftStep struct {
	Percent float64
	Seconds float64
}

// shiftMove is one function's part of a shift.
type shiftMove struct {
	Function      string
	To            string
	Aliases       map[string]string // with the versions that they move from
	Calls, Errors int64             // of the new version
}

func shiftKey(sc cloud.Scope, stack string) []byte { return key(sc, "shift").Str(stack) }

// shiftTick is how often a running shift looks at what the new versions do.
const shiftTick = 200 * time.Millisecond

// canaryType is the resource that a canary deployment ends with: it is made when every call runs the new versions, and fails, which rolls the
// stack back, as soon as too many calls of one of them fail.
func (r *lambdaRoom) canaryType() room.ResourceType {
	return room.ResourceType{
		Type: "Sundog::Lambda::Canary", Properties: []string{"Functions", "Steps", "MaxErrorRate", "Revision"},
		Create: r.canaryResource, Update: r.canaryResource,
		Delete: func(ctx context.Context, req room.Request) error {
			return r.d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(shiftKey(cloud.CallFrom(ctx).Scope, req.StackID)) })
		},
	}
}

func (r *lambdaRoom) canaryResource(ctx context.Context, req room.Request) (room.Result, error) {
	res := room.Result{Physical: req.StackName + "-canary"}
	if req.Reverts {
		return res, nil // every function puts itself back
	}
	s, err := r.beginShift(ctx, req)
	if err != nil {
		return res, err
	}
	for s.Fault == "" && !s.Done {
		if err := r.stepShift(ctx, req, s); err != nil {
			return res, err
		}
	}
	if s.Fault != "" {
		return res, cloud.Errorf(cloud.Invalid, "CanaryFailed", "%s", s.Fault)
	}
	return res, r.endShift(ctx, s)
}

// beginShift gives the shift of a step of a deployment: the one that a former process began, or a new one.
func (r *lambdaRoom) beginShift(ctx context.Context, req room.Request) (*shift, error) {
	var s shift
	k := shiftKey(cloud.CallFrom(ctx).Scope, req.StackID)
	err := r.d.Store.View(ctx, func(rd store.Reader) error { _, err := load(rd, k, &s); return err })
	if err != nil || s.Token == req.Token {
		return &s, err
	}
	s = shift{Token: req.Token, At: -1}
	var names []string
	for name, to := range map[string]any{"Functions": &names, "Steps": &s.Steps, "MaxErrorRate": &s.Limit} {
		if _, err := req.New.Get(name, to); err != nil {
			return nil, errParameter("%s: %v", name, err)
		}
	}
	for _, name := range names {
		m, err := r.moveOf(ctx, name)
		if err != nil {
			return nil, err
		}
		if m != nil {
			s.Moves = append(s.Moves, *m)
		}
	}
	s.Done = len(s.Moves) == 0
	return &s, r.saveShift(ctx, req, &s)
}

// moveOf publishes what a function became and gives its part of the shift; nil when its calls have nowhere new to go.
func (r *lambdaRoom) moveOf(ctx context.Context, name string) (*shiftMove, error) {
	f, err := parseRef(ctx, &name, nil)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, f)
	if err != nil || p.fn.Canary == nil {
		return nil, err
	}
	var out struct{ Version string }
	if err := r.d.Do(ctx, service, "PublishVersion", map[string]any{"FunctionName": name}, &out); err != nil {
		return nil, err
	}
	m := &shiftMove{Function: name, To: out.Version, Aliases: p.fn.Canary.Aliases}
	if !slices.ContainsFunc(slices.Collect(maps.Values(m.Aliases)), func(from string) bool { return from != m.To }) {
		return nil, r.letGo(ctx, f, false)
	}
	r.tallies.forget(f, m.To)
	return m, nil
}

func (r *lambdaRoom) saveShift(ctx context.Context, req room.Request, s *shift) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error { return save(tx, shiftKey(cloud.CallFrom(ctx).Scope, req.StackID), s) })
}

// stepShift looks at what the new versions did, sets the weights that are due, and waits a moment.
func (r *lambdaRoom) stepShift(ctx context.Context, req room.Request, s *shift) error {
	counted := r.countUp(ctx, s)
	now := r.d.Clock.Now()
	if s.Began.IsZero() {
		s.Began = now
	}
	at, until := s.step(now)
	if s.Fault = s.judge(at != s.At); s.Fault != "" {
		if err := r.weigh(ctx, s, 0); err != nil {
			return err
		}
		return r.saveShift(ctx, req, s)
	}
	if at == len(s.Steps) {
		s.Done = true
		return r.saveShift(ctx, req, s)
	}
	if at != s.At {
		if err := r.weigh(ctx, s, s.Steps[at].Percent/100); err != nil {
			return err
		}
	}
	if counted || at != s.At {
		s.At = at
		if err := r.saveShift(ctx, req, s); err != nil {
			return err
		}
	}
	if req.Rest == nil {
		return r.untilTick(ctx, until)
	}
	var err error
	req.Rest(func() { err = r.untilTick(ctx, until) })
	return err
}

// step gives the step that is on, and when it ends; len(s.Steps) when all are over.
func (s *shift) step(now time.Time) (int, time.Time) {
	end := s.Began
	for i, x := range s.Steps {
		if end = end.Add(time.Duration(x.Seconds * float64(time.Second))); now.Before(end) {
			return i, end
		}
	}
	return len(s.Steps), end
}

// countUp takes the counts since the last look into the record; true when there were calls.
func (r *lambdaRoom) countUp(ctx context.Context, s *shift) bool {
	any := false
	for i := range s.Moves {
		m := &s.Moves[i]
		t := r.tallies.of(ref{Scope: cloud.CallFrom(ctx).Scope, name: m.Function}, m.To)
		failed := t.errors.Swap(0) // first, so that no failure is counted before its call
		calls := t.calls.Swap(0)
		m.Calls, m.Errors = m.Calls+calls, m.Errors+failed
		any = any || calls > 0
	}
	return any
}

// fewCalls is how many calls a rate is reckoned of, at least, before a step ends: the first call that fails is not yet all of them.
const fewCalls = 10

// judge tells why the shift must be given up; "" when it need not. At the end of a step what was counted is all that will be known.
func (s *shift) judge(ends bool) string {
	var bad []string
	for _, m := range s.Moves {
		calls := m.Calls
		if !ends {
			calls = max(calls, fewCalls)
		}
		if float64(m.Errors)*100 > s.Limit*float64(calls) {
			bad = append(bad, fmt.Sprintf("version %s of %s failed %d of %d calls (%s%%)", m.To, m.Function, m.Errors, m.Calls,
				strconv.FormatFloat(float64(m.Errors)*100/float64(m.Calls), 'g', 3, 64)))
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("%s; %s%% may fail", strings.Join(bad, ", "), strconv.FormatFloat(s.Limit, 'g', -1, 64))
}

// weigh sends a part of the calls to the new versions.
func (r *lambdaRoom) weigh(ctx context.Context, s *shift, part float64) error {
	return s.each(func(m shiftMove, name, from string) error {
		weights := map[string]float64{}
		if part > 0 {
			weights[m.To] = part
		}
		return r.moveAlias(ctx, m.Function, name, from, weights)
	})
}

func (s *shift) each(fn func(m shiftMove, name, from string) error) error {
	for _, m := range s.Moves {
		for _, name := range slices.Sorted(maps.Keys(m.Aliases)) {
			if from := m.Aliases[name]; from != m.To {
				if err := fn(m, name, from); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *lambdaRoom) moveAlias(ctx context.Context, function, name, version string, weights map[string]float64) error {
	return r.d.Do(ctx, service, "UpdateAlias", map[string]any{
		"FunctionName": function, "Name": name, "FunctionVersion": version, "RoutingConfig": map[string]any{"AdditionalVersionWeights": weights},
	}, nil)
}

// endShift moves the aliases for good, and lets the functions' names run $LATEST again, which is what was shifted to. What a former process has
// moved already is passed over.
func (r *lambdaRoom) endShift(ctx context.Context, s *shift) error {
	for _, m := range s.Moves {
		f := ref{Scope: cloud.CallFrom(ctx).Scope, name: m.Function}
		p, err := r.plan(ctx, f)
		if err != nil {
			return err
		}
		if p.fn.Canary == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(m.Aliases)) {
			if err := r.moveAlias(ctx, m.Function, name, m.To, map[string]float64{}); err != nil {
				return err
			}
		}
		if err := r.letGo(ctx, f, false); err != nil {
			return err
		}
		r.tallies.forget(f, m.To)
	}
	return nil
}

// untilTick waits a moment, or until a step is over.
func (r *lambdaRoom) untilTick(ctx context.Context, due time.Time) error {
	rung := make(chan struct{})
	stop := r.d.Clock.AfterNow(due, func() { close(rung) })
	defer stop()
	timer := time.NewTimer(shiftTick)
	defer timer.Stop()
	select {
	case <-rung:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
