// Package compute is the contract for running code: a pool of execution environments per version of a function. The lambda room stands on
// it; drivers live below (process), with the runtimes that they embed.
package compute

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"sundog/cloud"
)

// Version is code that can run: one immutable version of a function, or a code mount of `dev`.
type Version struct {
	ID              string // unique for code and configuration; a changed configuration is a new ID
	Function        string // the function's name, AWS_LAMBDA_FUNCTION_NAME
	Qualifier       string // AWS_LAMBDA_FUNCTION_VERSION
	ARN             cloud.ARN
	Runtime         string // "nodejs20.x", "python3.12", "provided.al2023"
	Handler         string
	CodeDir         string   // what is /var/task in the cloud; read-only
	Layers          []string // folders, in order; what is /opt in the cloud
	Env             map[string]string
	MemoryMB        int
	EphemeralMB     int // size of /tmp; 0: 512
	MaxEnvironments int // 0: bounded by the machine only
	Timeout         time.Duration
	InitTimeout     time.Duration // 0: 10 s
	Role            cloud.ARN
	LogGroup        string
	Endpoint        string // the platform's endpoint as functions reach it: AWS_ENDPOINT_URL

	RuntimeVersion func() (name, arn string) // of the runtime, as telemetry names it; nil: it has none
}

// LogLine is one line that a function wrote, or the whole text of one framed write, or a line of the platform about the environment.
type LogLine struct {
	Time   time.Time
	Text   string // without the line break that ended it
	Level  string // "" for plain text
	Open   bool   // no line break ended it
	Init   bool   // the environment wrote it before its first invocation
	System bool   // the platform's: Level is what a function's SystemLogLevel is about
}

// Levels of the platform's lines.
const (
	LevelInfo = "INFO"
	LevelWarn = "WARN"
)

// SystemRecord is one of the platform's lines in the log of a function that logs JSON: kind is its name after "platform.". The record is of plain values.
func SystemRecord(at time.Time, kind string, record map[string]any) string {
	line, err := json.Marshal(struct {
		Time   string         `json:"time"`
		Type   string         `json:"type"`
		Record map[string]any `json:"record"`
	}{at.UTC().Format("2006-01-02T15:04:05.000Z"), "platform." + kind, record})
	if err != nil {
		return err.Error() // never
	}
	return string(line)
}

// Invocation is one call of a function.
type Invocation struct {
	RequestID     string
	Payload       []byte
	ClientContext []byte
	Identity      []byte
	Deadline      time.Time // on the wall clock; zero: Timeout after the function begins, and some seconds more to wait for an environment
	Trace         cloud.Trace
	Started       func(Start)         // called once, before Log, when an environment has the invocation, or failed to come up for it; nil: nobody
	Ready         func()              // called after Started and the lines of the Init phase, when the invocation itself begins; nil: nobody
	Log           func(LogLine)       // called in order, from one goroutine at a time
	Settled       func(time.Duration) // called, perhaps after Invoke has returned, when the environment's extensions are ready too, with how long the response was ahead of that; nil: nobody
	Out           io.Writer           // streamed response, perhaps a Begun; nil: buffered
	Tenant        string
}

// Begun is an Invocation.Out that wants to know, before the first byte, that the response is streamed, and of what media type it is.
type Begun interface {
	io.Writer
	Begin(contentType string)
}

// Begin tells the invocation's Out that a streamed response begins, if it wants to know.
func (i *Invocation) Begin(contentType string) {
	if b, ok := i.Out.(Begun); ok {
		b.Begin(contentType)
	}
}

// Limited is an Invocation.Out whose writes fail from a time on: a client that does not read keeps no environment.
type Limited interface {
	io.Writer
	Until(deadline time.Time) // by the wall
}

// Until tells the invocation's Out how long it has, if it wants to know.
func (i *Invocation) Until(deadline time.Time) {
	if l, ok := i.Out.(Limited); ok {
		l.Until(deadline)
	}
}

// What an environment is started for, as telemetry and its variables name it.
const (
	OnDemand    = "on-demand"
	Provisioned = "provisioned-concurrency"
)

// InstanceID is how telemetry names an environment, by its log stream.
func InstanceID(function, stream string) string {
	date, rest, _ := strings.Cut(stream, "[")
	return date + function + "[" + rest
}

// Start tells in which environment an invocation runs.
type Start struct {
	Environment string
	LogStream   string
	Began       time.Time     // when the environment began to start
	Cold        bool          // it started for this invocation
	Early       bool          // this is the first invocation of one that was started beforehand
	Failed      bool          // the environment did not come up
	Init        time.Duration // what the start took; 0 when the environment had an invocation before
}

// Failure says how an invocation failed.
type Failure uint8

// The ways in which an invocation fails.
const (
	None        Failure = iota
	Handled             // the handler returned or threw an error
	Unhandled           // the runtime reported an error outside the handler
	Timeout             // killed at the deadline
	OutOfMemory         // killed for its memory
	Exit                // the process ended during the invocation
	Init                // the environment did not come up
)

// Result is what an invocation gave. Payload is the response, or the error's JSON when Kind is not None.
type Result struct {
	Payload     []byte
	Kind        Failure
	Error       string        // one line, for logs; "" when all is well
	Init        time.Duration // what the environment's start took, in the result of its first invocation; else 0
	Duration    time.Duration
	MaxMemoryMB int
	Environment string
	LogStream   string // the environment's log stream name: YYYY/MM/DD/[version]hex32
	Cold        bool   // the environment started for this invocation
	Streamed    bool
	ContentType string // of a streamed response, as the function set it; ""
}

// Produced is how many bytes the function itself gave: what the platform says of one that was ended is not its.
func (r *Result) Produced() int {
	switch r.Kind {
	case Timeout, OutOfMemory, Exit, Init:
		return 0
	}
	return len(r.Payload)
}

// Billed is what an invocation is charged for: with the start that was for it, but not one beforehand.
func (r *Result) Billed() time.Duration {
	if r.Cold {
		return r.Duration + r.Init
	}
	return r.Duration
}

// NotStarted is the code of Ensure's error when the function's init failed.
const NotStarted = "InvalidRuntimeException"

// Throttled is what Invoke returns when no environment came free before the deadline.
var Throttled = cloud.Errorf(cloud.Throttled, "TooManyRequestsException", "Rate Exceeded.").WithStatus(429)

// Compute runs versions. All methods are safe for concurrent use.
type Compute interface {
	// Ensure starts environments beforehand until there are n, keeps as many however long they are idle, and returns when they are ready. 0 makes the
	// version known, and keeps none any more. told, if not nil, hears of each of them, later ones too, when its init has ended, well or not, and has the
	// lines that it wrote; an invocation that gets to hear of it has them otherwise.
	Ensure(ctx context.Context, v Version, n int, told func(Start, []LogLine)) error
	// Invoke takes the most recently used idle environment, or starts one. A full pool waits until the deadline, then Throttled. The
	// error is the platform's; the function's failures are in the Result.
	Invoke(ctx context.Context, v Version, i Invocation) (Result, error)
	// Drop ends a version's idle environments at once and the busy ones after their call.
	Drop(versionID string)
	// Runtimes tells which runtimes can run here, and by what interpreter.
	Runtimes(ctx context.Context) []Runtime
	// Stats tells how many environments there are.
	Stats() Stats
	// Close ends every environment and waits.
	Close(ctx context.Context) error
}

// Runtime tells whether a runtime can run here.
type Runtime struct {
	Name        string // "nodejs20.x"
	Interpreter string // absolute path; "" for provided.*
	Version     string // "v20.20.2"
	Note        string // such as: "runs on Node v20.20.2"; "" when it is the version asked for
	Missing     string // why it cannot run; "" when it can
}

// Stats counts environments by state.
type Stats struct{ Idle, Busy, Starting int }
