// Package bus delivers to, or reads from, anything by ARN: "when this commits, deliver that". Retries, back-off, dead letters and
// authorisation by the target's resource policy are written here once; rooms bring Targets, Sources and Streams.
package bus

import (
	"context"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// Bus is the platform's event bus. All methods are safe for concurrent use.
type Bus interface {
	// Emit puts deliveries into the outbox of the emitting shard, atomically with the rest of tx.
	Emit(tx store.Tx, s store.Shard, d ...Delivery) error
	// Cancel takes a delivery that has not been handed over out of the outbox; unknown ids are no error. Fresh ones cannot be cancelled.
	Cancel(tx store.Tx, s store.Shard, id string) error
	// Source gives the queue side of an ARN; an *Error of kind NotImplemented when its room has none.
	Source(a cloud.ARN) (Source, error)
	// Stream gives the change stream side of an ARN.
	Stream(a cloud.ARN) (Stream, error)
	// Permit judges whether a principal may read: as deliveries are judged. A refusal is an *Error of kind Denied.
	Permit(ctx context.Context, as cloud.Principal, resource cloud.ARN, action string) error
}

// Attribute is a message attribute in SQS's and SNS's terms.
type Attribute struct {
	Type   string `json:"t"` // "String", "Number", "Binary", with optional ".suffix"
	Value  string `json:"v,omitempty"`
	Binary []byte `json:"b,omitempty"`
}

// Retry says how often a delivery is tried, and for how long.
type Retry struct {
	Max    int           `json:"max,omitempty"`    // attempts after the first; 0: none; <0: until Expires
	Base   time.Duration `json:"base,omitempty"`   // first delay; doubles up to Cap; 0: 1 s
	Cap    time.Duration `json:"cap,omitempty"`    // 0: 20 s
	Jitter bool          `json:"jitter,omitempty"` // spread by a random part of the delay
}

// Delivery is one thing to hand to one target. It is idempotent by ID, at least once, and ordered among those of the same OrderKey and
// Target (the head blocks).
type Delivery struct {
	ID      string      `json:"id"`
	Scope   cloud.Scope `json:"scope"`
	Source  cloud.ARN   `json:"source"`
	Target  cloud.ARN   `json:"target"`
	Payload []byte      `json:"payload,omitempty"` // in the source's format, made for that kind of target
	// Parameters are for the target's room, by its own names: sqs: "MessageGroupId", "MessageDeduplicationId"; sns: "Subject"; lambda: none.
	Parameters map[string]string    `json:"parameters,omitempty"`
	Attributes map[string]Attribute `json:"attributes,omitempty"` // message attributes
	OrderKey   string               `json:"orderKey,omitempty"`
	NotBefore  time.Time            `json:"notBefore,omitzero"` // on Clock.Now
	Expires    time.Time            `json:"expires,omitzero"`   // zero: 24 h after Emit
	Attempt    int                  `json:"attempt,omitempty"`  // attempts that failed so far
	Retry      Retry                `json:"retry,omitzero"`
	DeadLetter cloud.ARN            `json:"deadLetter,omitzero"` // an SQS queue
	Letter     []byte               `json:"letter,omitempty"`    // what the dead letter holds; nil: Payload
	As         cloud.Principal      `json:"as"`
	Trace      cloud.Trace          `json:"trace,omitzero"`
	// Report is for the emitting room, by its own names, which is told what became of the delivery; nil: it is not.
	Report map[string]string `json:"report,omitempty"`
	// Fresh says that ID is new and that nobody will emit it again. Then a target that accepts the delivery in a transaction need not remember ID,
	// and what is emitted together is stored together.
	Fresh bool `json:"fresh,omitempty"`

	accept func(store.Tx) error
}

// Accept ends the delivery in tx, the transaction in which its target takes it in: it is then either in the outbox or with the target, and never in
// both. A target without such a transaction does not call it, and gets the delivery again when the process dies before the bus has noted its Outcome.
func (d Delivery) Accept(tx store.Tx) error {
	if d.accept == nil {
		return nil
	}
	return d.accept(tx)
}

// OutcomeKind is what became of an attempt.
type OutcomeKind uint8

// The outcomes of an attempt.
const (
	Done      OutcomeKind = iota // the target has it
	Again                        // failed: counts as an attempt, try again by Retry (or After, if set)
	Permanent                    // failed for good: goes to the dead letter queue at once
)

// Outcome is a target's verdict on one attempt.
type Outcome struct {
	Kind   OutcomeKind
	After  time.Duration // Again: overrides Retry's delay when > 0
	Reason string        // the error's text, for dead letters and the trace
	Code   string        // the error's code
}

// Rejected is the outcome of a delivery that its target will never take.
func Rejected(err error) Outcome {
	e := cloud.AsError(err)
	return Outcome{Kind: Permanent, Code: e.Code, Reason: e.Message}
}

// Verdict is what Target.Deliver gives for an error of the target's operation, or none: infrastructure's trouble is tried again, all else rejected.
func Verdict(err error) (Outcome, error) {
	if err == nil {
		return Outcome{}, nil
	}
	if e := cloud.AsError(err); e.Kind == cloud.Internal || e.Kind == cloud.Unavailable {
		return Outcome{}, err
	}
	return Rejected(err), nil
}

// Reporter takes what became of deliveries that asked for it: once each, unless the platform dies at that moment. It must not block.
type Reporter func(Delivery, Result)

// Result is the end of a delivery.
type Result struct {
	Outcome
	Attempts int
	At       time.Time // on Clock.Now
}

// Target is the delivery side of a room.
type Target interface {
	// Action is the permission that a delivery needs by the target's resource policy, such as "sqs:SendMessage".
	Action(target cloud.ARN) string
	// Deliver hands d over, idempotently by d.ID (ids are kept until d.Expires + 1 h; see Fresh). ctx carries a Call with d.As, d.Scope and d.Trace. An
	// error is infrastructure's and is retried without counting.
	Deliver(ctx context.Context, d Delivery) (Outcome, error)
}

// Message is one message that a Source gave.
type Message struct {
	ID, Receipt, Body, MD5 string
	Attributes             map[string]string // system attributes: ApproximateReceiveCount, SentTimestamp, AWSTraceHeader, ...
	MessageAttributes      map[string]Attribute
	AttributesMD5          string // "" when there are no message attributes
	GroupID                string
	Trace                  cloud.Trace // what sent it; zero when unknown
}

// Source is the queue side of a room, for pollers.
type Source interface {
	// Receive gives up to max messages, waiting up to wait (on Clock.Wall) for the first.
	Receive(ctx context.Context, q cloud.ARN, as cloud.Principal, max int, wait time.Duration) ([]Message, error)
	Ack(ctx context.Context, q cloud.ARN, receipts []string) []error
	Nack(ctx context.Context, q cloud.ARN, receipts []string, after time.Duration) []error
	Extend(ctx context.Context, q cloud.ARN, receipt string, d time.Duration) error
}

// Record is one record of a change stream: its sequence position and its JSON as an event source mapping shows it. Records of one Key stay in order.
type Record struct {
	Sequence string
	Position []byte
	Key      string
	Time     time.Time
	JSON     []byte
}

// Shard is one shard of a stream. What it was split or merged of has to be read before it, as far as it is still among the stream's shards.
type Shard struct {
	ID      string   // what Stream calls it; no other shard is ever called so, also not one of a stream that was deleted and made again
	Name    string   // what the service calls it
	Parents []string // their IDs
}

// Stream is the change stream side of a room, for pollers.
type Stream interface {
	// Shards gives the shards that can be read; cloud.NotFound when there is no such stream (any more).
	Shards(ctx context.Context, s cloud.ARN) ([]Shard, error)
	// Wait returns when the shard has records after the position, or ctx ends; io.EOF when it never will have any again, as when it is gone.
	Wait(ctx context.Context, s cloud.ARN, shard string, after []byte) error
	// Read gives up to max records after a position; nil is the oldest (TRIM_HORIZON). next is the position after the last record.
	// io.EOF when the shard is gone.
	Read(ctx context.Context, s cloud.ARN, shard string, after []byte, max int) (records []Record, next []byte, err error)
	// Latest gives the position after the newest record.
	Latest(ctx context.Context, s cloud.ARN, shard string) ([]byte, error)
}
