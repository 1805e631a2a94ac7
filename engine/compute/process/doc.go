// Package process runs functions in processes of this machine: a pool of execution environments for every version, each with one process tree
// of its own. Node and Python functions run in the embedded runtimes, which take their work over a socket and are started beforehand, without a
// function, so that a cold start costs little; runtimes of the user (provided.*) get a Lambda Runtime API each.
//
// An invocation takes the most recently used idle environment. When all are busy it waits a moment for one of them (Options.Patience), since a
// short handler is back sooner than a new process is up, then starts another unless the line is gone soon (see flowing), up to the version's and the
// machine's caps; beyond that it waits until its deadline. Idle environments are frozen in their sandbox after Options.FreezeAfter, and end after
// Options.IdleTimeout.
//
// With Options.Reexec (the program calls MaybeInit first thing in main) every environment is a sandbox, whose init is this program (package sandbox) and
// whose network is served by Options.Network (package outside); or, where that is not possible or not wanted, it runs below a small init in a PID namespace, or below
// a subreaper. In each of them the kernel ends it when the platform is killed.
package process
