package asl

import (
	"errors"
	"time"

	"sundog/lang/jsonpath"
)

func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Name: ErrRuntime, Cause: err.Error(), located: true}
}

func tooLarge(what string) *Failure {
	return &Failure{Name: ErrDataLimit, Cause: "The state/task '" + what + "' returned a result with a size exceeding the maximum number of bytes service limit."}
}

// pick applies InputPath or OutputPath.
func (x *Execution) pick(t *thread, p dataPath, d doc) (doc, error) {
	switch {
	case p.null:
		return docText("{}"), nil
	case p.expr == nil || p.expr.text == "$":
		return d, nil
	}
	v, err := p.expr.eval(x.scope(t, &d))
	if err != nil {
		return doc{}, badPath(p.expr, err)
	}
	return docValue(v), nil
}

func badPath(e *expr, err error) *Failure {
	return runtime("Invalid path '%s' : %s", e.text, err)
}

// arguments applies InputPath and Parameters.
func (x *Execution) arguments(t *thread, s *State) (effective, params doc, err error) {
	if effective, err = x.pick(t, s.input, t.in); err != nil {
		return effective, params, err
	}
	if s.Parameters == nil {
		return effective, effective, nil
	}
	v, err := s.Parameters.render(x.scope(t, &effective))
	if err == nil && !jsonpath.Fits(v, MaxData) {
		err = tooLarge(s.Name)
	}
	return effective, docValue(v), err
}

// conclude takes the result of a Task, Pass, Parallel or Map through ResultSelector, ResultPath, Assign and OutputPath, and leaves.
func (x *Execution) conclude(t *thread, s *State, result doc) error {
	if s.ResultSelector != nil {
		v, err := s.ResultSelector.render(x.scope(t, &result))
		if err != nil {
			return err
		}
		if result = docValue(v); !result.fits() {
			return tooLarge(s.Name)
		}
	}
	x.probe.afterSelector(&result)
	combined, err := s.result.combine(t.in, result)
	if err != nil {
		return err
	}
	x.probe.afterResult(&combined)
	out, err := x.pick(t, s.output, combined)
	if err != nil {
		return err
	}
	assigned, err := x.assigned(t, s.Assign, &result)
	if err != nil {
		return err
	}
	return x.leave(t, s, out, assigned, s.next())
}

func (s *State) next() string {
	if s.terminal() {
		return ""
	}
	return s.Next
}

func (p resultPath) combine(input, result doc) (doc, error) {
	switch {
	case p.null:
		return input, nil
	case p.ref == nil || p.ref.Root():
		return result, nil
	}
	v, err := p.ref.Set(input.val(), result.val())
	if err != nil {
		return doc{}, &Failure{Name: ErrResultPath, Cause: "Unable to apply the ResultPath '" + p.ref.String() + "' to the input: " + err.Error(), located: true}
	}
	return docValue(v), nil
}

// assigned renders Assign; nil when there is none.
func (x *Execution) assigned(t *thread, tpl *template, input *doc) (*jsonpath.Object, error) {
	if tpl == nil {
		return nil, nil
	}
	v, err := tpl.render(x.scope(t, input))
	if err != nil {
		return nil, err
	}
	o, _ := v.(*jsonpath.Object)
	for _, e := range o.Keys() {
		if w, _ := o.Get(e); !jsonpath.Fits(w, MaxData) {
			return nil, tooLarge(t.State)
		}
	}
	return o, nil
}

func (x *Execution) pass(t *thread, s *State) error {
	if s.hasResult {
		result := docValue(s.Result)
		x.probe.result(&result)
		return x.conclude(t, s, result)
	}
	effective, params, err := x.arguments(t, s)
	if err != nil {
		return err
	}
	x.probe.before(&effective, &params)
	return x.conclude(t, s, params)
}

// through takes the input through InputPath and OutputPath, for states without a result.
func (x *Execution) through(t *thread, s *State, assign *template, next string) error {
	effective, err := x.pick(t, s.input, t.in)
	if err != nil {
		return err
	}
	x.probe.before(&effective, nil)
	assigned, err := x.assigned(t, assign, &effective)
	if err != nil {
		return err
	}
	out, err := x.pick(t, s.output, effective)
	if err != nil {
		return err
	}
	return x.leave(t, s, out, assigned, next)
}

func (x *Execution) choose(t *thread, s *State) error {
	effective, err := x.pick(t, s.input, t.in)
	if err != nil {
		return err
	}
	sc := x.scope(t, &effective)
	for i := range s.Choices {
		r := &s.Choices[i]
		ok, err := r.holds(sc)
		if err != nil {
			return runtime("%s", err)
		}
		if ok {
			return x.through(t, s, r.Assign, r.Next)
		}
	}
	if s.Default == "" {
		return &Failure{Name: ErrNoChoice, Cause: "Failed to transition out of the state '" + s.Name + "'. The state does not point to a next state.", located: true}
	}
	return x.through(t, s, s.Assign, s.Default)
}

func (x *Execution) failState(t *thread, s *State) error {
	sc := x.scope(t, &t.in)
	x.probe.before(&t.in, nil)
	name, err := s.failError.eval(sc, "Error")
	if err != nil {
		return err
	}
	cause, err := s.failCause.eval(sc, "Cause")
	if err != nil {
		return err
	}
	f := &Failure{noName: name == nil, noCause: cause == nil}
	if name != nil {
		f.Name = *name
	}
	if cause != nil {
		f.Cause = *cause
	}
	return f
}

func (x text) eval(sc *scope, field string) (*string, error) {
	if !x.set {
		return nil, nil
	}
	if x.expr == nil {
		return &x.fixed, nil
	}
	v, err := x.expr.eval(sc)
	if err != nil {
		return nil, badPath(x.expr, err)
	}
	s, ok := v.(string)
	if !ok {
		return nil, runtime("The %sPath field refers to a value that is not a string: %s", field, x.expr.text)
	}
	return &s, nil
}

// maxWait is the longest delay that Step Functions takes: 2^31-1 seconds.
const maxWait = (1<<31 - 1) * time.Second

func (x *Execution) wait(t *thread, s *State) error {
	effective, err := x.pick(t, s.input, t.in)
	if err != nil {
		return err
	}
	due, err := s.waitUntil(x.scope(t, &effective), x.now)
	if err != nil {
		return err
	}
	if due.Sub(x.now) > maxWait {
		return runtime("Wait state delay is too long.")
	}
	if !due.After(x.now) || x.probe != nil {
		return x.through(t, s, s.Assign, s.next())
	}
	t.Phase, t.Due = phaseWait, due
	return nil
}

func (x *Execution) finishWait(t *thread) {
	s := x.state(t)
	if err := x.through(t, s, s.Assign, s.next()); err != nil {
		x.fail(t, asFailure(err))
	}
}

func (s *State) waitUntil(sc *scope, now time.Time) (time.Time, error) {
	switch {
	case s.seconds.path != nil:
		n, err := s.waitSeconds(sc)
		return now.Add(time.Duration(n) * time.Second), err
	case s.seconds.set:
		return now.Add(time.Duration(s.seconds.fixed) * time.Second), nil
	case s.timestamp.path == nil:
		return parseTimestamp(s.timestamp.fixed)
	}
	p := s.timestamp.path
	v, err := p.eval(sc)
	if err != nil {
		return now, runtime("The TimestampPath parameter does not reference an input value: %s", p.text)
	}
	text, ok := v.(string)
	if ok {
		at, err := parseTimestamp(text)
		if err == nil {
			return at, nil
		}
	} else {
		text = jsonpath.Text(v)
	}
	return now, runtime("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", p.text, text)
}

func (s *State) waitSeconds(sc *scope) (int64, error) {
	p := s.seconds.path
	v, err := p.eval(sc)
	if err != nil {
		return 0, runtime("The SecondsPath parameter does not reference an input value: %s", p.text)
	}
	n, ok := v.(jsonpath.Number)
	i, err := n.Int64()
	if !ok || err != nil {
		return 0, runtime("The SecondsPath parameter cannot be parsed as a long value: %s == %s", p.text, jsonpath.Text(v))
	}
	if i < 0 {
		return 0, runtime("The SecondsPath parameter references a negative value: %s == %d", p.text, i)
	}
	return min(i, 1<<32), nil
}
