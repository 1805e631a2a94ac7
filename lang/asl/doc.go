// Package asl reads, checks and runs workflows in the Amazon States Language (states-language.net; AWS Step Functions Developer
// Guide). It is pure: an Execution is a value that takes events in (Start, Step) and gives commands out (tasks to run, tasks to
// cancel, the next moment to wake at), together with the history that Step Functions shows. Time, identifiers and randomness
// come from Env. An Execution's state is a set of small named rows of JSON, of which each step changes few, so that a caller can
// store the changes of a step together with its history and later go on from them, in another process too.
//
// Read in this order: machine.go (a compiled definition), parse*.go (from text, with the diagnostics of CreateStateMachine),
// expr.go, template.go and intrinsic*.go (how data is picked and shaped), execution.go and thread.go (the machine), then a file
// for each kind of state.
//
// Not served, and refused by Compile with *Unsupported: the query language JSONata (see Evaluator), Distributed Map.
package asl
