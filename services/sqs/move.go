package sqs

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sync"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/store"
)

// task is a message move task's row. It lives apart from its queue's shard: nothing in memory stands behind it.
type task struct {
	ID          string `json:"taskId"`
	Source      string `json:"sourceArn"`
	Destination string `json:"destinationArn,omitempty"` // "": back where each message came from
	Rate        int32  `json:"rate,omitempty"`           // messages a second; 0: as fast as it goes
	Status      string `json:"status"`                   // RUNNING, CANCELLING, CANCELLED, COMPLETED, FAILED
	Moved       int64  `json:"moved"`
	ToMove      int64  `json:"toMove"`
	Failure     string `json:"failure,omitempty"`
	Started     int64  `json:"started"` // unix ms
	Number      int    `json:"number"`  // among the tasks of its source
}

// moves runs the tasks, a goroutine each.
type moves struct {
	room  *sqsRoom
	wg    sync.WaitGroup
	ctx   context.Context
	end   context.CancelFunc
	mu    sync.Mutex // guards ended
	ended bool
}

const moveBatch = 100

func moveKey(sc cloud.Scope) store.Key {
	return store.K(store.ShardOf("sqs", "move"), "sqs", "move").Str(sc.Account).Str(sc.Region)
}

func (t *task) key() store.Key {
	n := nameOf(t.source())
	return moveKey(n.Scope).Str(n.Queue).Str(t.ID)
}

func (t *task) source() cloud.ARN {
	a, _ := cloud.ParseARN(t.Source) // checked when the task was made
	return a
}

func (t *task) write(tx store.Tx) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return tx.Put(t.key(), b)
}

func (t *task) handle() *string {
	b, _ := json.Marshal(map[string]string{"taskId": t.ID, "sourceArn": t.Source})
	return new(base64.StdEncoding.EncodeToString(b))
}

// tasks reads the tasks of a queue, or of all queues when the name is empty; oldest first.
func tasks(rd store.Reader, prefix []byte) ([]task, error) {
	it := rd.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	var out []task
	for it.Next() {
		var t task
		if err := json.Unmarshal(it.Value(), &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b task) int { return cmp.Compare(a.Number, b.Number) })
	return out, it.Err()
}

func (r *sqsRoom) startMove(ctx context.Context, in *api.StartMessageMoveTaskInput) (*api.StartMessageMoveTaskOutput, error) {
	source, err := queueARN(text(in.SourceArn), "SourceArn")
	if err != nil {
		return nil, err
	}
	t := &task{ID: r.d.IDs.UUID(), Source: source.String(), Destination: text(in.DestinationArn), Status: "RUNNING", Started: r.now()}
	if in.MaxNumberOfMessagesPerSecond != nil {
		if t.Rate = *in.MaxNumberOfMessagesPerSecond; t.Rate < 1 || t.Rate > 500 {
			return nil, errValue(t.Rate, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
		}
	}
	if err := r.checkMove(ctx, t); err != nil {
		return nil, err
	}
	err = r.lane(ctx, nameOf(source), func(_ store.Tx, q *queue) error {
		q.mature(r.now())
		t.ToMove = q.count - int64(len(q.flying)) - q.delays.count(r.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		n := nameOf(source)
		running, err := tasks(tx, moveKey(n.Scope).Str(n.Queue))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(running, func(o task) bool { return o.Status == "RUNNING" || o.Status == "CANCELLING" }) {
			return errParameter("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
		if len(running) > 0 {
			t.Number = running[len(running)-1].Number + 1
		}
		if len(running) >= 10 { // the service lists the last ten
			if err := tx.Delete(running[0].key()); err != nil {
				return err
			}
		}
		return t.write(tx)
	})
	if err != nil {
		return nil, err
	}
	r.moves.begin(*t)
	return &api.StartMessageMoveTaskOutput{TaskHandle: t.handle()}, nil
}

// checkMove checks that the queues of a task exist, and that its source is somebody's dead letter queue.
func (r *sqsRoom) checkMove(ctx context.Context, t *task) error {
	return r.d.Store.View(ctx, func(rd store.Reader) error {
		n := nameOf(t.source())
		rec, err := readRecord(rd, n)
		if err != nil {
			return err
		}
		if rec == nil {
			return errResource("The resource that you specified for the SourceArn parameter doesn't exist.")
		}
		if t.Destination != "" {
			to, err := queueARN(t.Destination, "DestinationArn")
			if err != nil {
				return err
			}
			dest, err := readRecord(rd, nameOf(to))
			if err != nil {
				return err
			}
			if dest == nil {
				return errResource("The resource that you specified for the DestinationArn parameter doesn't exist.")
			}
			if (dest.Attributes["FifoQueue"] == "true") != (rec.Attributes["FifoQueue"] == "true") {
				return errParameter("Source queue and destination queue must be of the same type.")
			}
		}
		dead := false
		err = r.eachQueue(rd, n.Scope, "", func(o name) (bool, error) {
			other, err := readRecord(rd, o)
			dead = dead || other != nil && other.config().redrive.target == n.arn()
			return !dead, err
		})
		if err == nil && !dead {
			return errParameter("Source queue must be configured as a Dead Letter Queue.")
		}
		return err
	})
}

// accessCancelMove names the permission on the queue that a task handle holds.
func (r *sqsRoom) accessCancelMove(_ context.Context, in *api.CancelMessageMoveTaskInput) ([]cloud.Access, error) {
	t, err := openTask(text(in.TaskHandle))
	if err != nil {
		return nil, err
	}
	return []cloud.Access{{Action: "sqs:CancelMessageMoveTask", Resource: t.source()}}, nil
}

func openTask(handle string) (task, error) {
	bad := errParameter("Value for parameter TaskHandle is invalid.")
	b, err := base64.StdEncoding.DecodeString(handle)
	if err != nil {
		return task{}, bad
	}
	var t task
	if json.Unmarshal(b, &t) != nil || t.ID == "" {
		return task{}, bad
	}
	if _, err := cloud.ParseARN(t.Source); err != nil {
		return task{}, bad
	}
	return t, nil
}

func (r *sqsRoom) cancelMove(ctx context.Context, in *api.CancelMessageMoveTaskInput) (*api.CancelMessageMoveTaskOutput, error) {
	t, err := openTask(text(in.TaskHandle))
	if err != nil {
		return nil, err
	}
	var moved int64
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := tx.Get(t.key())
		if err != nil {
			return err
		}
		var now task
		if b != nil {
			if err := json.Unmarshal(b, &now); err != nil {
				return err
			}
		}
		if now.Status != "RUNNING" {
			return errResource("Task does not exist.")
		}
		now.Status, moved = "CANCELLING", now.Moved
		return now.write(tx)
	})
	return &api.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: &moved}, err
}

func (r *sqsRoom) listMoves(ctx context.Context, in *api.ListMessageMoveTasksInput) (*api.ListMessageMoveTasksOutput, error) {
	source, err := queueARN(text(in.SourceArn), "SourceArn")
	if err != nil {
		return nil, err
	}
	limit := 1
	if in.MaxResults != nil {
		if limit = int(*in.MaxResults); limit < 1 || limit > 10 {
			return nil, errValue(limit, "MaxResults", "Must be between 1 and 10, if provided.")
		}
	}
	n := nameOf(source)
	if _, err := r.record(ctx, n); err != nil {
		return nil, errResource("The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	out := &api.ListMessageMoveTasksOutput{Results: []api.ListMessageMoveTasksResultEntry{}}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		list, err := tasks(rd, moveKey(n.Scope).Str(n.Queue))
		slices.Reverse(list)
		for _, t := range list[:min(limit, len(list))] {
			e := api.ListMessageMoveTasksResultEntry{
				Status: &t.Status, SourceArn: &t.Source, DestinationArn: optional(t.Destination), FailureReason: optional(t.Failure),
				ApproximateNumberOfMessagesMoved: &t.Moved, ApproximateNumberOfMessagesToMove: &t.ToMove, StartedTimestamp: &t.Started,
			}
			if t.Rate > 0 {
				e.MaxNumberOfMessagesPerSecond = &t.Rate
			}
			if t.Status == "RUNNING" {
				e.TaskHandle = t.handle()
			}
			out.Results = append(out.Results, e)
		}
		return err
	})
	return out, err
}

// resume goes on with the tasks that a stop of the process interrupted.
func (m *moves) resume(ctx context.Context) error {
	m.mu.Lock()
	m.ctx, m.end = context.WithCancel(context.WithoutCancel(ctx))
	m.mu.Unlock()
	var list []task
	err := m.room.d.Store.View(ctx, func(rd store.Reader) (err error) {
		list, err = tasks(rd, store.K(store.ShardOf("sqs", "move"), "sqs", "move"))
		return err
	})
	for _, t := range list {
		if t.Status == "RUNNING" || t.Status == "CANCELLING" {
			m.begin(t)
		}
	}
	return err
}

func (m *moves) close() error {
	m.mu.Lock()
	m.ended = true
	if m.end != nil {
		m.end()
	}
	m.mu.Unlock()
	m.wg.Wait()
	return nil
}

func (m *moves) begin(t task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended || m.ctx == nil {
		return
	}
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		m.run(m.ctx, t)
	}()
}

// run moves batches until the task is over or the process stops.
func (m *moves) run(ctx context.Context, t task) {
	for {
		n := moveBatch
		if t.Rate > 0 {
			n = int(t.Rate)
		}
		more, err := m.room.moveSome(ctx, &t, n)
		if ctx.Err() != nil || err == nil && !more {
			return
		}
		if err != nil {
			m.room.d.Log.Error("message move task failed", "queue", t.Source, "error", err)
			t.Status, t.Failure = "FAILED", cloud.AsError(err).Code
			if err := m.room.d.Store.Update(ctx, t.write); err != nil {
				m.room.d.Log.Error("message move task could not be ended", "queue", t.Source, "error", err)
			}
			return
		}
		if t.Rate > 0 && !pause(ctx, time.Second) {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// moveSome moves up to n messages and records the progress with them; false when the task is over.
func (r *sqsRoom) moveSome(ctx context.Context, t *task, n int) (more bool, err error) {
	err = r.lane(ctx, nameOf(t.source()), func(tx store.Tx, q *queue) error {
		b, err := tx.Get(t.key())
		if err != nil || b == nil {
			return err
		}
		*t = task{}
		if err := json.Unmarshal(b, t); err != nil {
			return err
		}
		if t.Status == "CANCELLING" {
			t.Status = "CANCELLED"
		}
		q.mature(r.now())
		for size := 0; n > 0 && size < maxMoved && t.Status == "RUNNING"; n-- {
			moved, err := r.moveOne(tx, q, t)
			if err != nil {
				return err
			}
			size += moved
		}
		more = t.Status == "RUNNING"
		return t.write(tx)
	})
	return more, err
}

// moveOne moves the next ready message as a new one, and gives its size. Without one, the task is completed; one that cannot go anywhere
// stays, and the task has failed.
func (r *sqsRoom) moveOne(tx store.Tx, q *queue, t *task) (size int, err error) {
	now := r.now()
	seq, ok, err := q.pop(tx, now)
	if err != nil {
		return 0, err
	}
	if !ok {
		t.Status = "COMPLETED"
		return 0, nil
	}
	m, err := q.message(tx, seq)
	if err != nil || m == nil {
		return 0, err
	}
	to, failure, err := destination(tx, t, m)
	if err != nil {
		return 0, err
	}
	if failure != "" {
		t.Status, t.Failure = "FAILED", failure
		q.ready(dueItem{0, seq}, m.Group) // before all others
		return 0, nil
	}
	fresh := *m
	fresh.ID, fresh.Sent, fresh.Source, fresh.Count, fresh.First = r.d.IDs.UUID(), now, "", 0, 0
	t.Moved++
	return m.size(), r.transfer(tx, q, &fresh, to)
}

// destination finds the queue that a task moves a message to, or why there is none.
func destination(rd store.Reader, t *task, m *message) (to name, failure string, err error) {
	dest := cmp.Or(t.Destination, m.Source)
	if dest == "" {
		return name{}, "CouldNotDetermineMessageSource", nil
	}
	a, err := cloud.ParseARN(dest)
	if err != nil {
		return name{}, "", err
	}
	rec, err := readRecord(rd, nameOf(a))
	if err == nil && rec == nil {
		failure = "AWS.SimpleQueueService.NonExistentQueue"
	}
	return nameOf(a), failure, err
}
