package asl

import (
	"time"

	"sundog/lang/jsonpath"
)

// Limits of Step Functions.
const (
	MaxData       = 256 << 10 // bytes of an input, output, result or variable
	MaxHistory    = 25_000    // events of a standard execution
	MaxDefinition = 1 << 20   // bytes of a definition
	maxIterations = 40        // concurrent iterations of an inline Map
	maxNesting    = 30        // Parallel and Map inside each other
	maxStates     = 20_000
	maxExpress    = 5 * time.Minute // how long an express execution may take
)

// StateType is the kind of a state.
type StateType string

// The kinds of states.
const (
	Task     StateType = "Task"
	Pass     StateType = "Pass"
	Choice   StateType = "Choice"
	Wait     StateType = "Wait"
	Succeed  StateType = "Succeed"
	Fail     StateType = "Fail"
	Parallel StateType = "Parallel"
	Map      StateType = "Map"
)

// Machine is a compiled definition, or one branch of a Parallel or the processor of a Map. It is immutable and safe for
// concurrent use.
type Machine struct {
	StartAt        string
	Order          []string // names of the states as written
	States         map[string]*State
	TimeoutSeconds int64 // of the execution; 0: none
}

// State is one compiled state. Which members count depends on Type.
type State struct {
	Name string
	Type StateType
	Next string
	End  bool

	input, output  dataPath
	result         resultPath
	Parameters     *template // Parameters of Task, Pass, Parallel, and of Map before ItemSelector
	ResultSelector *template
	Assign         *template

	Result    any // Pass
	hasResult bool

	Resource    Resource // Task
	timeout     duration
	heartbeat   duration
	Credentials *template

	seconds   duration // Wait
	timestamp instant

	Choices []rule // Choice
	Default string

	failError, failCause text // Fail

	Branches []*Machine // Parallel

	Processor      *Machine // Map
	items          *expr
	itemSelector   *template
	maxConcurrency duration

	Retry []Retrier
	Catch []Catcher
}

// Retrier is one entry of Retry.
type Retrier struct {
	Errors      []string
	Interval    float64 // seconds
	MaxAttempts int
	Backoff     float64
	MaxDelay    float64 // seconds; 0: none
	FullJitter  bool
}

// Catcher is one entry of Catch.
type Catcher struct {
	Errors []string
	Next   string
	result resultPath
	Assign *template
}

// dataPath is InputPath or OutputPath: absent is "$"; null gives an empty object.
type dataPath struct {
	null bool
	expr *expr
}

// resultPath is where a result goes: absent is "$" (it replaces the input); null discards it.
type resultPath struct {
	null bool
	ref  *jsonpath.Reference
}

// duration is a number that is written down or read by a path (Seconds and SecondsPath, MaxConcurrency and MaxConcurrencyPath).
type duration struct {
	set   bool
	fixed int64
	path  *expr
}

// instant is Timestamp or TimestampPath.
type instant struct {
	fixed string
	path  *expr
}

// text is a string that is written down or read by a path (Error and ErrorPath).
type text struct {
	set   bool
	fixed string
	expr  *expr
}

// terminal tells whether the state ends its machine.
func (s *State) terminal() bool { return s.End || s.Type == Succeed || s.Type == Fail }

// Walk calls f for every state of the machine and of the machines inside it.
func (m *Machine) Walk(f func(*State)) {
	for _, name := range m.Order {
		s := m.States[name]
		f(s)
		for _, b := range s.Branches {
			b.Walk(f)
		}
		if s.Processor != nil {
			s.Processor.Walk(f)
		}
	}
}

// VariableReferences gives, for each state that reads variables, their names in the order of their first use.
func (m *Machine) VariableReferences() map[string][]string {
	out := map[string][]string{}
	m.Walk(func(s *State) {
		seen := map[string]bool{}
		s.reads(func(v string) {
			if !seen[v] {
				seen[v] = true
				out[s.Name] = append(out[s.Name], v)
			}
		})
	})
	return out
}

// reads calls add with every variable that the state's own members read.
func (s *State) reads(add func(string)) {
	for _, x := range []*expr{s.input.expr, s.output.expr, s.timeout.path, s.heartbeat.path, s.seconds.path, s.timestamp.path, s.failError.expr,
		s.failCause.expr, s.items, s.maxConcurrency.path} {
		x.variables(add)
	}
	for _, t := range []*template{s.Parameters, s.ResultSelector, s.Assign, s.Credentials, s.itemSelector} {
		t.variables(add)
	}
	for i := range s.Choices {
		s.Choices[i].reads(add)
	}
	for _, k := range s.Catch {
		k.Assign.variables(add)
	}
}

func (r *rule) reads(add func(string)) {
	r.variable.variables(add)
	r.valueAt.variables(add)
	r.Assign.variables(add)
	if r.Not != nil {
		r.Not.reads(add)
	}
	for _, list := range [][]rule{r.And, r.Or} {
		for i := range list {
			list[i].reads(add)
		}
	}
}

// Evaluator evaluates expressions of another query language than JSONPath (JSONata's "{% ... %}"). Bindings are the values of
// $states and of the variables. Definitions in that language are refused until one is given to the compiler.
type Evaluator interface {
	Evaluate(expression string, bindings map[string]any) (any, error)
}
