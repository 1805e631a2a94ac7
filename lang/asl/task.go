package asl

import (
	"strconv"
	"time"

	"sundog/lang/jsonpath"
)

// schedule renders the task's parameters and schedules it.
func (x *Execution) schedule(t *thread, s *State) error {
	x.head.Tasks++
	call := &TaskCall{ID: strconv.Itoa(x.head.Tasks), State: s.Name, Resource: s.Resource}
	if s.Resource.Kind == Activity || s.Resource.Pattern == WaitForTaskToken {
		call.Token = x.env.TaskToken(call.ID)
	}
	if s.Resource.Pattern == WaitForTaskToken {
		t.token = call.Token
		defer func() { t.token = "" }()
	}
	effective, params, err := x.arguments(t, s)
	if err != nil {
		return err
	}
	x.probe.before(&effective, &params)
	sc := x.scope(t, &effective)
	if call.Timeout, err = s.timeout.seconds(sc); err != nil {
		return err
	}
	if call.Heartbeat, err = s.heartbeat.seconds(sc); err != nil {
		return err
	}
	if call.RoleARN, err = s.role(sc); err != nil {
		return err
	}
	call.Parameters = params.str()
	t.Task, t.Phase = call, phaseBegin
	if x.probe == nil {
		x.emit(t, call.event("Scheduled"), call.scheduled(x.info.Region))
	}
	x.push(t)
	return nil
}

// seconds gives the duration; 0 when it is not set.
func (d duration) seconds(sc *scope) (time.Duration, error) {
	if d.path == nil {
		return time.Duration(d.fixed) * time.Second, nil
	}
	v, err := d.path.eval(sc)
	if err != nil {
		return 0, badPath(d.path, err)
	}
	n, ok := v.(jsonpath.Number)
	i, err := n.Int64()
	if !ok || err != nil || i <= 0 || i > 99999999 {
		return 0, runtime("The value at the path '%s' is not a positive integer: %s", d.path.text, jsonpath.Text(v))
	}
	return time.Duration(i) * time.Second, nil
}

func (s *State) role(sc *scope) (string, error) {
	if s.Credentials == nil {
		return "", nil
	}
	v, err := s.Credentials.render(sc)
	if err != nil {
		return "", err
	}
	o, _ := v.(*jsonpath.Object)
	arn, _ := o.Get("RoleArn")
	role, ok := arn.(string)
	if !ok {
		return "", runtime("The field 'RoleArn' of Credentials is not a string")
	}
	return role, nil
}

// event names the type of the task's event: LambdaFunctionScheduled, ActivityScheduled or TaskScheduled.
func (c *TaskCall) event(what string) string {
	switch c.Resource.Kind {
	case LambdaFunction:
		return "LambdaFunction" + what
	case Activity:
		return "Activity" + what
	}
	return "Task" + what
}

func (c *TaskCall) scheduled(region string) *Details {
	d := c.details()
	d.TimeoutInSeconds = optional(int64(c.Timeout / time.Second))
	d.HeartbeatInSeconds = optional(int64(c.Heartbeat / time.Second))
	if c.RoleARN != "" {
		d.TaskCredentials = &TaskCredentials{RoleARN: c.RoleARN}
	}
	if c.Resource.Kind == Service {
		d.Region, d.Parameters = &region, &c.Parameters
		return d
	}
	d.Resource, d.Input = &c.Resource.ARN, &c.Parameters
	return d
}

// details are what the later events of a service's task have in common.
func (c *TaskCall) details() *Details {
	if c.Resource.Kind != Service {
		return &Details{}
	}
	return &Details{Resource: ptr(c.Resource.ActionText()), ResourceType: &c.Resource.Service}
}

// begin starts the scheduled task.
func (x *Execution) begin(t *thread) {
	c := t.Task
	t.Phase = phaseTask
	if c.Timeout > 0 {
		t.Due = x.now.Add(c.Timeout)
	}
	x.beat(t)
	if x.probe == nil {
		switch c.Resource.Kind {
		case LambdaFunction:
			x.emit(t, "LambdaFunctionStarted", nil)
		case Service:
			x.emit(t, "TaskStarted", c.details())
		}
	}
	x.commands = append(x.commands, Command{Run: c})
}

// beat sets the moment by which the next heartbeat must come; only tasks that can send one have it.
func (x *Execution) beat(t *thread) {
	if t.Task.Heartbeat > 0 && t.Task.Token != "" {
		t.Beat = x.now.Add(t.Task.Heartbeat)
	}
}

func (x *Execution) taskThread(id string) *thread {
	for _, t := range x.threads {
		if t.Phase == phaseTask && t.Task != nil && t.Task.ID == id {
			return t
		}
	}
	return nil
}

func (x *Execution) taskEvent(t *thread, ev Event) {
	x.touch(t)
	c := t.Task
	switch ev.Kind {
	case TaskHeartbeat:
		x.beat(t)
	case TaskTaken:
		x.emit(t, "ActivityStarted", &Details{WorkerName: optional(ev.Worker)})
		x.beat(t)
	case TaskSubmitted:
		c.Submitted, c.Submission = true, ev.Output
		d := c.details()
		d.Output = &ev.Output
		x.emit(t, "TaskSubmitted", d)
		x.beat(t)
	case TaskSucceeded:
		x.taskSucceeded(t, ev.Output)
	case TaskFailed:
		f := &Failure{noName: ev.Error == nil, noCause: ev.Cause == nil}
		if ev.Error != nil {
			f.Name = *ev.Error
		}
		if ev.Cause != nil {
			f.Cause = *ev.Cause
		}
		x.taskFailed(t, f)
	}
}

func (x *Execution) taskSucceeded(t *thread, output string) {
	c := t.Task
	if len(output) > MaxData {
		what := c.Resource.ARN
		x.taskFailed(t, tooLarge(what))
		return
	}
	if _, err := jsonpath.Parse(output); err != nil {
		x.taskFailed(t, &Failure{Name: ErrRuntime, Cause: "The result of the task is not valid JSON: " + err.Error()})
		return
	}
	if x.probe == nil {
		d := c.details()
		d.Output = &output
		x.emit(t, c.event("Succeeded"), d)
	}
	x.taskOver(t)
	result := docText(output)
	x.probe.result(&result)
	if err := x.conclude(t, x.state(t), result); err != nil {
		x.fail(t, asFailure(err))
	}
}

func (x *Execution) taskOver(t *thread) {
	t.Task, t.Due, t.Beat = nil, time.Time{}, time.Time{}
}

func (x *Execution) taskFailed(t *thread, f *Failure) {
	if x.probe == nil {
		d := t.Task.details()
		d.Error, d.Cause = f.pointers()
		x.emit(t, t.Task.event("Failed"), d)
	}
	x.taskOver(t)
	x.fail(t, f)
}

func (f *Failure) pointers() (name, cause *string) {
	if !f.noName {
		name = &f.Name
	}
	if !f.noCause {
		cause = &f.Cause
	}
	return name, cause
}

func (x *Execution) taskTimedOut(t *thread) {
	f := &Failure{Name: ErrTimeout, noCause: true, heartbeat: !t.Beat.IsZero() && !x.now.Before(t.Beat)}
	d := t.Task.details()
	d.Error = ptr(ErrTimeout)
	x.emit(t, t.Task.event("TimedOut"), d)
	x.commands = append(x.commands, Command{Cancel: t.Task.ID})
	x.taskOver(t)
	x.fail(t, f)
}
