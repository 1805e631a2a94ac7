// Package sfn is the room of AWS Step Functions: state machines (standard and express, with versions and aliases), executions,
// activities, task tokens, TestState. The language itself is lang/asl; this room keeps executions durable, runs their tasks and
// answers the API.
//
// An execution's state is what asl.Execution gives: small rows that change step by step. Each step commits its rows, its history
// and its wake-up in one Update, and only then do its tasks start. After a restart every running execution is loaded and the tasks in
// flight run again with the same ids, as the standard workflow's "at least once" for a platform failure. Express executions started
// with StartExecution are kept the same way until they end; those of StartSyncExecution live in memory only, as they end with their caller.
//
// Tasks act as the state machine's role (or that of Credentials): functions through cloud.Invoker, everything else through
// cloud.Caller.
//
// Rows, in the shard of the scope: machine, definition (by revision), version, alias, activity, started (executions by machine and
// time). In the shard of the execution: exec (its record), state (the interpreter's rows), history. In the shard of the activity:
// work (tasks that wait for a worker).
//
// An execution is remembered for 90 days after its end.
//
// Not served, and refused by name: JSONata, Distributed Map and map runs, redrive, customer managed keys, the optimised integrations other than those in integrate.go.
package sfn
