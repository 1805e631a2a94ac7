package sfn

import (
	"time"

	"sundog/engine/store"
	"sundog/engine/timer"
	"sundog/lang/asl"
)

// moves are what a step of an execution gave.
type moves struct {
	rows     map[string][]byte
	history  []asl.HistoryEvent
	commands []asl.Command
}

func take(x *asl.Execution) (moves, error) {
	rows, err := x.Changes()
	return moves{rows: rows, history: x.History(), commands: x.Commands()}, err
}

// first writes the rows of a new execution.
func (e *engine) first(tx store.Tx, rec *record, x *asl.Execution, mv moves) error {
	if !rec.Express {
		if err := tx.Put(rec.machineName().startedKey(rec.Start, rec.ARN), nil); err != nil {
			return err
		}
	}
	if x.Status() == asl.Running {
		if err := tx.Put(runningTable(execShard(rec.ARN)).Str(rec.ARN), nil); err != nil {
			return err
		}
	}
	return e.commit(tx, rec, x, mv, true)
}

// commit writes what a step changed; fresh tells that the record has to be written in any case.
func (e *engine) commit(tx store.Tx, rec *record, x *asl.Execution, mv moves, fresh bool) error {
	if !rec.Express {
		for i := range mv.history {
			if err := save(tx, historyKey(rec.ARN).U64(uint64(mv.history[i].ID)), &mv.history[i]); err != nil {
				return err
			}
		}
	}
	if x.Status() != asl.Running {
		return e.finish(tx, rec, x)
	}
	state := stateKey(rec.ARN)
	for k, v := range mv.rows {
		key := append(state.Clone(), k...)
		err := tx.Delete(key)
		if v != nil {
			err = tx.Put(key, v)
		}
		if err != nil {
			return err
		}
	}
	if err := e.queueActivities(tx, rec, mv.commands); err != nil {
		return err
	}
	was := rec.Armed
	if err := e.arm(tx, rec, x); err != nil || rec.Armed.Equal(was) && !fresh {
		return err
	}
	return save(tx, execKey(rec.ARN), rec)
}

// arm sets the execution's timer if it has to fire earlier than it would. One that fires too early does nothing and is set anew.
func (e *engine) arm(tx store.Tx, rec *record, x *asl.Execution) error {
	due := x.Due()
	if x.Runnable() {
		due = e.d.Clock.Now()
	}
	if due.IsZero() || !rec.Armed.IsZero() && !due.Before(rec.Armed) {
		return nil
	}
	rec.Armed = due
	return e.d.Timers.Set(tx, timer.Timer{Shard: execShard(rec.ARN), Kind: timerKind, ID: rec.ARN, Due: due})
}

// finish writes the end of an execution and drops what only a running one needs.
func (e *engine) finish(tx store.Tx, rec *record, x *asl.Execution) error {
	rec.Status, rec.Stop = x.Status(), e.d.Clock.Now().UTC().Truncate(time.Millisecond)
	rec.Error, rec.Cause = x.Failure()
	if rec.Status == asl.Succeeded {
		rec.Output = ptr(x.Output())
	}
	state := stateKey(rec.ARN)
	if err := tx.DeleteRange(state, state.End()); err != nil {
		return err
	}
	if err := tx.Delete(runningTable(execShard(rec.ARN)).Str(rec.ARN)); err != nil {
		return err
	}
	if !rec.Armed.IsZero() {
		if err := e.d.Timers.Cancel(tx, execShard(rec.ARN), timerKind, rec.ARN); err != nil {
			return err
		}
		rec.Armed = time.Time{}
	}
	if rec.Express {
		return tx.Delete(execKey(rec.ARN)) // only its caller knew it
	}
	gone := timer.Timer{Shard: execShard(rec.ARN), Kind: expireKind, ID: rec.ARN, Due: rec.Stop.Add(retention)}
	if err := e.d.Timers.Set(tx, gone); err != nil {
		return err
	}
	return save(tx, execKey(rec.ARN), rec)
}
