package sfn

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

// name is the full name of a state machine or activity.
type name struct {
	cloud.Scope
	Name string
}

func (n name) arn(typ string) cloud.ARN { return cloud.NewARN("states", n.Scope, typ+":"+n.Name) }

// qualified is a state machine's ARN taken apart: at most one of version and alias is set.
type qualified struct {
	name
	version int64
	alias   string
}

// parseMachine reads the ARN of a state machine, version or alias.
func parseMachine(arn string) (qualified, error) {
	a, err := cloud.ParseARN(arn)
	if err != nil || a.Service != "states" {
		return qualified{}, errARN(arn)
	}
	typ, rest := a.ResourceType()
	if typ != "stateMachine" || rest == "" {
		return qualified{}, errARN(arn)
	}
	q := qualified{name: name{a.Scope(), rest}}
	base, suffix, ok := strings.Cut(rest, ":")
	if !ok {
		return q, nil
	}
	q.Name = base
	if n, err := strconv.ParseInt(suffix, 10, 64); err == nil && n > 0 {
		q.version = n
		return q, nil
	}
	q.alias = suffix
	return q, nil
}

func parseTyped(arn, typ string) (name, error) {
	a, err := cloud.ParseARN(arn)
	if err != nil || a.Service != "states" {
		return name{}, errARN(arn)
	}
	t, rest := a.ResourceType()
	if t != typ || rest == "" {
		return name{}, errARN(arn)
	}
	return name{a.Scope(), rest}, nil
}

// badName finds what names of machines, activities and executions may not hold (API reference, "CreateStateMachine").
var badName = pattern.New(`[\s<>{}\[\]?*"#%\\^|~` + "`" + `$&,;:/\x00-\x1f\x7f-\x9f]`)

func checkName(s string) error {
	if s == "" || len(s) > 80 || badName.MatchString(s) {
		return errName(s)
	}
	return nil
}

// control is the shard of a scope's control records.
func control(sc cloud.Scope) store.Shard { return store.ShardOf("sfn", sc.Account, sc.Region) }

func table(sc cloud.Scope, t string) store.Key {
	return store.K(control(sc), "sfn", t).Str(sc.Account).Str(sc.Region)
}

func (n name) machineKey() store.Key { return table(n.Scope, "machine").Str(n.Name) }
func (n name) definitionKey(rev string) store.Key {
	return table(n.Scope, "definition").Str(n.Name).Str(rev)
}
func (n name) versions() store.Key    { return table(n.Scope, "version").Str(n.Name) }
func (n name) aliases() store.Key     { return table(n.Scope, "alias").Str(n.Name) }
func (n name) activityKey() store.Key { return table(n.Scope, "activity").Str(n.Name) }

// started orders the executions of a machine, the newest first.
func (n name) started() store.Key { return table(n.Scope, "started").Str(n.Name) }

func (n name) startedKey(at time.Time, execution string) store.Key {
	return n.started().U64(math.MaxUint64 - uint64(at.UnixNano())).Str(execution)
}

// The rows of an execution, by its ARN, in its own shard.
func execShard(arn string) store.Shard { return store.ShardOf("sfn", arn) }

func execKey(arn string) store.Key    { return store.K(execShard(arn), "sfn", "exec").Str(arn) }
func stateKey(arn string) store.Key   { return store.K(execShard(arn), "sfn", "state").Str(arn) }
func historyKey(arn string) store.Key { return store.K(execShard(arn), "sfn", "history").Str(arn) }

// runningTable lists what a shard has running, so that a restart finds it.
func runningTable(s store.Shard) store.Key { return store.K(s, "sfn", "running") }

// workKey starts the tasks that wait for a worker of an activity.
func workKey(activity string) store.Key {
	return store.K(store.ShardOf("sfn", activity), "sfn", "work").Str(activity)
}
