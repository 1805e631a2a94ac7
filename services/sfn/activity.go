package sfn

import (
	"context"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/asl"
)

// activity is the record of an activity.
type activity struct {
	Name    string            `json:"name"`
	Created time.Time         `json:"created"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// pollWait is how long GetActivityTask waits for a task, on the wall clock.
const pollWait = 60 * time.Second

func (r *sfnRoom) createActivity(ctx context.Context, in *api.CreateActivityInput) (*api.CreateActivityOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, deref(in.Name)}
	if err := checkName(n.Name); err != nil {
		return nil, err
	}
	if err := checkEncryption(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	a := &activity{Name: n.Name, Created: r.now(), Tags: tagMap(in.Tags)}
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		var old activity
		found, err := load(tx, n.activityKey(), &old)
		if err != nil {
			return err
		}
		if found {
			*a = old
			return nil
		}
		return save(tx, n.activityKey(), a)
	})
	return &api.CreateActivityOutput{ActivityArn: ptr(n.arn("activity").String()), CreationDate: &a.Created}, err
}

func activityOf(tx store.Reader, arn string) (name, *activity, error) {
	n, err := parseTyped(arn, "activity")
	if err != nil {
		return n, nil, err
	}
	var a activity
	found, err := load(tx, n.activityKey(), &a)
	if err == nil && !found {
		err = errNoActivity(arn)
	}
	return n, &a, err
}

func (r *sfnRoom) describeActivity(ctx context.Context, in *api.DescribeActivityInput) (*api.DescribeActivityOutput, error) {
	var out *api.DescribeActivityOutput
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		_, a, err := activityOf(tx, deref(in.ActivityArn))
		out = &api.DescribeActivityOutput{ActivityArn: in.ActivityArn}
		if err == nil {
			out.Name, out.CreationDate = &a.Name, &a.Created
		}
		return err
	})
	return out, err
}

func (r *sfnRoom) deleteActivity(ctx context.Context, in *api.DeleteActivityInput) (*api.DeleteActivityOutput, error) {
	n, err := parseTyped(deref(in.ActivityArn), "activity")
	if err != nil {
		return nil, err
	}
	return &api.DeleteActivityOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(n.activityKey()) })
}

func (r *sfnRoom) listActivities(ctx context.Context, in *api.ListActivitiesInput) (*api.ListActivitiesOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	out := &api.ListActivitiesOutput{Activities: []api.ActivityListItem{}}
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		var err error
		out.NextToken, err = page(tx, table(sc, "activity"), false, in.MaxResults, in.NextToken, func(_, value []byte) (bool, error) {
			a, err := decode[activity](value)
			if err != nil {
				return false, err
			}
			n := name{sc, a.Name}
			out.Activities = append(out.Activities, api.ActivityListItem{ActivityArn: ptr(n.arn("activity").String()), Name: &a.Name, CreationDate: &a.Created})
			return true, nil
		})
		return err
	})
	return out, err
}

// job is a task that waits for a worker.
type job struct {
	Execution string `json:"execution"`
	Task      string `json:"task"`
	Token     string `json:"token"`
	Input     string `json:"input"`
}

// queueActivities puts a step's activity tasks where workers find them.
func (e *engine) queueActivities(tx store.Tx, rec *record, commands []asl.Command) error {
	for _, c := range commands {
		if c.Run == nil || c.Run.Resource.Kind != asl.Activity {
			continue
		}
		j := job{Execution: rec.ARN, Task: c.Run.ID, Token: c.Run.Token, Input: c.Run.Parameters}
		b, err := encode(j)
		if err != nil {
			return err
		}
		if err := tx.PutStamped(workKey(c.Run.Resource.ARN), nil, b); err != nil {
			return err
		}
	}
	return nil
}

// getActivityTask hands a task to a worker, or nothing after a minute.
func (r *sfnRoom) getActivityTask(ctx context.Context, in *api.GetActivityTaskInput) (*api.GetActivityTaskOutput, error) {
	arn := deref(in.ActivityArn)
	if err := r.d.Store.View(ctx, func(tx store.Reader) error {
		_, _, err := activityOf(tx, arn)
		return err
	}); err != nil {
		return nil, err
	}
	wake, stop := r.d.Store.Watch(workKey(arn))
	defer stop()
	limit := time.NewTimer(pollWait)
	defer limit.Stop()
	for {
		j, err := r.nextJob(ctx, arn)
		if err != nil {
			return nil, err
		}
		if j != nil {
			taken, err := r.e.step(ctx, j.Execution, asl.Event{Kind: asl.TaskTaken, Task: j.Task, Worker: deref(in.WorkerName)})
			if err != nil && cloud.AsError(err).Kind != cloud.NotFound {
				return nil, err
			}
			if taken {
				return &api.GetActivityTaskOutput{TaskToken: &j.Token, Input: &j.Input}, nil
			}
			continue // the execution no longer waits for it
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.e.ctx.Done():
			return &api.GetActivityTaskOutput{}, nil
		case <-limit.C:
			return &api.GetActivityTaskOutput{}, nil
		case <-wake:
		}
	}
}

// nextJob takes the oldest waiting task; nil when there is none.
func (r *sfnRoom) nextJob(ctx context.Context, arn string) (*job, error) {
	var out *job
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		out = nil
		prefix := workKey(arn)
		var at []byte
		err := scan(tx, store.Prefix(prefix), 0, func(key, value []byte) (bool, error) {
			at = append([]byte(nil), key...)
			var err error
			out, err = decode[job](value)
			return false, err
		})
		if err != nil || out == nil {
			return err
		}
		return tx.Delete(at)
	})
	return out, err
}
