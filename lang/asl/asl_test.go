package asl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sundog/lang/jsonpath"
)

var testStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// run starts a definition without tasks and wakes it until it ends.
func run(t testing.TB, definition, input string) *Execution {
	t.Helper()
	m, err := Compile(definition, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := New(m, &fixedEnv{}, Info{Input: input, Start: testStart, ARN: "arn:aws:states:r:1:execution:m:x", Name: "x", Machine: "m"})
	x.Start()
	for n := 0; x.Status() == Running && n < 1000; n++ {
		at := x.Due()
		if x.Runnable() || at.IsZero() {
			at = testStart
		}
		x.Step(at, Event{Kind: Wake})
	}
	return x
}

// value runs a Pass state with one expression.
func value(t testing.TB, expr, input string) (string, error) {
	o := jsonpath.NewObject(1)
	o.Set("v.$", expr)
	x := run(t, `{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":`+jsonpath.Text(o)+`,"OutputPath":"$.v","End":true}}}`, input)
	if name, cause := x.Failure(); name != nil {
		return "", errors.New(*name + ": " + *cause)
	}
	return x.Output(), nil
}

func TestIntrinsics(t *testing.T) {
	const input = `{"a":[1,2,3,2],"s":"x,y;z","o":{"k":1},"p":{"k":2,"l":3},"n":2.5,"t":"{\"q\":1.0}","nul":null}`
	for expr, want := range map[string]string{
		"States.Array(1, 'two', null, $.o)":                    `[1,"two",null,{"k":1}]`,
		"States.Array()":                                       `[]`,
		"States.ArrayPartition($.a, 3)":                        `[[1,2,3],[2]]`,
		"States.ArrayContains($.a, 3)":                         `true`,
		"States.ArrayRange(1, 9, 4)":                           `[1,5,9]`,
		"States.ArrayRange(3, 1, -1)":                          `[3,2,1]`,
		"States.ArrayRange(0, 5000, 1)":                        `!States.IntrinsicFailure`,
		"States.ArrayGetItem($.a, 1)":                          `2`,
		"States.ArrayGetItem($.a, 9)":                          `!out of the array's bounds`,
		"States.ArrayLength($.a)":                              `4`,
		"States.ArrayUnique($.a)":                              `[1,2,3]`,
		"States.Base64Encode('hé')":                            `"aMOp"`,
		"States.Base64Decode('aMOp')":                          `"hé"`,
		"States.Base64Decode('*')":                             `!not valid Base64`,
		"States.Hash('a', 'MD5')":                              `"0cc175b9c0f1b6a831c399e269772661"`,
		"States.Hash($.o, 'SHA-1')":                            `"8db4f0c4ccd1ebeb7bd4fd18e4f3cf69bb2bd0a2"`,
		"States.Hash('a', 'CRC')":                              `!algorithm`,
		"States.JsonMerge($.o, $.p, false)":                    `{"k":2,"l":3}`,
		"States.JsonMerge($.o, $.p, true)":                     `!shallow`,
		"States.JsonToString($.o)":                             `"{\"k\":1}"`,
		"States.StringToJson($.t)":                             `{"q":1.0}`,
		"States.StringToJson('{')":                             `!not valid JSON`,
		"States.MathAdd(1, $.n)":                               `4`,
		"States.MathRandom(1, 5)":                              `3`,
		"States.MathRandom(5, 1)":                              `!greater`,
		"States.StringSplit($.s, ',;')":                        `["x","y","z"]`,
		"States.UUID()":                                        `"00000000-0000-4000-8000-000000000001"`,
		`States.Format('{} \{\} it\'s {}', $.nul, $.o)`:        `"null {} it's {k=1}"`,
		"States.Format('{}', 'a', 'b')":                        `!fewer placeholders`,
		"States.Format('{} {}', 'a')":                          `!more placeholders`,
		"States.ArrayGetItem(States.StringSplit($.s, ','), 0)": `"x"`,
		"States.Format('{}', $$.Execution.Name)":               `"x"`,
		"States.Format('{}', $.none)":                          `!could not be found in the input`,
		"States.Format('{}', $unset)":                          `!has not been assigned`,
		"$$.State.Name":                                        `"P"`,
		"$.a.length()":                                         `4`,
		"$.none":                                               `!States.Runtime: An error occurred while executing the state 'P' (entered at the event id #2). The JSONPath '$.none' specified for the field 'v.$' could not be found in the input`,
	} {
		got, err := value(t, expr, input)
		if part, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %s, %v; want an error with %q", expr, got, err, part)
			}
		} else if err != nil || got != want && !(strings.Contains(expr, "SHA-1") && len(got) == 42) {
			t.Errorf("%s: %s, %v; want %s", expr, got, err, want)
		}
	}
}

func TestChoiceOperators(t *testing.T) {
	const input = `{"s":"abc","n":3,"b":true,"t":"2024-01-01T00:00:00Z","z":null,"m":"a*c","n2":3.0,"t2":"2024-01-01T01:00:00+01:00"}`
	for rule, want := range map[string]bool{
		`"Variable":"$.s","StringEquals":"abc"`:                                                true,
		`"Variable":"$.s","StringLessThan":"abd"`:                                              true,
		`"Variable":"$.s","StringGreaterThanEquals":"abd"`:                                     false,
		`"Variable":"$.s","StringMatches":"a*"`:                                                true,
		`"Variable":"$.m","StringMatches":"a\\*c"`:                                             true,
		`"Variable":"$.s","StringMatches":"a\\*c"`:                                             false,
		`"Variable":"$.n","StringEquals":"3"`:                                                  false,
		`"Variable":"$.n","NumericEquals":3.0`:                                                 true,
		`"Variable":"$.n","NumericEqualsPath":"$.n2"`:                                          true,
		`"Variable":"$.n","NumericLessThanEquals":2`:                                           false,
		`"Variable":"$.b","BooleanEquals":true`:                                                true,
		`"Variable":"$.t","TimestampEqualsPath":"$.t2"`:                                        true,
		`"Variable":"$.t","TimestampLessThan":"2024-01-01T00:00:00.001Z"`:                      true,
		`"Variable":"$.s","TimestampEquals":"2024-01-01T00:00:00Z"`:                            false,
		`"Variable":"$.none","IsPresent":false`:                                                true,
		`"Variable":"$.z","IsPresent":true`:                                                    true,
		`"Variable":"$.z","IsNull":true`:                                                       true,
		`"Variable":"$.n","IsNumeric":true`:                                                    true,
		`"Variable":"$.s","IsString":false`:                                                    false,
		`"Variable":"$.t","IsTimestamp":true`:                                                  true,
		`"Variable":"$.s","IsTimestamp":true`:                                                  false,
		`"Not":{"Variable":"$.b","BooleanEquals":false}`:                                       true,
		`"And":[{"Variable":"$.b","BooleanEquals":true},{"Variable":"$.n","NumericEquals":4}]`: false,
		`"Or":[{"Variable":"$.b","BooleanEquals":false},{"Variable":"$.n","NumericEquals":3}]`: true,
	} {
		x := run(t, `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{`+rule+`,"Next":"Y"}],"Default":"N"},"Y":{"Type":"Pass","Result":true,"End":true},"N":{"Type":"Pass","Result":false,"End":true}}}`, input)
		if got := x.Output() == "true"; got != want || x.Status() != Succeeded {
			t.Errorf("%s: %v (%s)", rule, got, x.Status())
		}
	}
	x := run(t, `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.none","StringEquals":"","Next":"Y"}]},"Y":{"Type":"Succeed"}}}`, `{}`)
	if _, cause := x.Failure(); cause == nil || !strings.Contains(*cause, "Invalid path '$.none': The choice state's condition path references an invalid value.") {
		t.Error(x.Failure())
	}
	x = run(t, `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":1,"Next":"Y"}]},"Y":{"Type":"Succeed"}}}`, `{"n":2}`)
	if name, _ := x.Failure(); name == nil || *name != ErrNoChoice {
		t.Error(x.Failure())
	}
}

func TestDiagnostics(t *testing.T) {
	for definition, want := range map[string]string{
		`{`:  "INVALID_JSON_DESCRIPTION",
		`{}`: "'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'",
		`{"StartAt":"X","States":{"A":{"Type":"Succeed"}}}`:                                          "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: X at /StartAt",
		`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}`:                                  "Missing 'Next' target: B at /States/A/Next",
		`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true},"B":{"Type":"Succeed"}}}`:           "is not reachable. at /States/B",
		`{"StartAt":"A","States":{"A":{"Type":"Pass"}}}`:                                             "These fields are required: [Next, End] at /States/A",
		`{"StartAt":"A","States":{"A":{"Type":"Nap","End":true}}}`:                                   "at /States/A/Type",
		`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Foo":1}}}`:                          "Field 'Foo' is not supported at /States/A",
		`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Parameters":{"x.$":"y"}}}}`:         "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call at /States/A/Parameters",
		`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"ResultPath":"$.a[*]"}}}`:            "is not a Reference Path",
		`{"StartAt":"A","States":{"A":{"Type":"Wait","End":true,"Seconds":1,"SecondsPath":"$.a"}}}`:  "Exactly one of these fields",
		`{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Resource":"x"}}}`:                   "The resource provided x is not recognized",
		`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[]}}}`:                              "These fields are required: [Choices]",
		`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Variable":"$.a","Next":"A"}]}}}`: "exactly one comparison operator",
		`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Assign":{"states":1}}}}`:            "Invalid variable name: 'states'",
	} {
		_, err := Compile(definition, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", definition, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	big := `"` + strings.Repeat("x", 200<<10) + `"`
	x := run(t, `{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}}}`, big)
	if name, _ := x.Failure(); name == nil || *name != ErrDataLimit {
		t.Error(x.Status(), name)
	}
	x = run(t, `{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"a.$":"States.Format('{}{}{}{}{}', $, $, $, $, $)"},"End":true}}}`, big)
	if x.Status() != Failed {
		t.Error(x.Status())
	}
	x = run(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`, `{}`)
	if _, cause := x.Failure(); cause == nil || *cause != "The execution reached the maximum number of history events (25000)." || x.Events() != MaxHistory {
		t.Error(x.Status(), x.Events(), cause)
	}
}

func TestVariableReferences(t *testing.T) {
	m, err := Compile(`{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"x.$":"States.Format('{}', $v)","y.$":"$w.z"},"Next":"C"},
		"C":{"Type":"Choice","Choices":[{"Not":{"Variable":"$q","IsNull":true},"Next":"A"}],"Default":"A"}}}`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.VariableReferences()); got != "map[A:[v w] C:[q]]" {
		t.Error(got)
	}
}

func FuzzDefinition(f *testing.F) {
	files, _ := filepath.Glob("testdata/scripts/*.txt")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		definition, _, _ := strings.Cut(string(b), "\n---\n")
		f.Add(definition, `{"s":1,"l":[1,2]}`)
	}
	f.Add(`{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"v.$":"States.Array($,$,States.ArrayRange(1,9,2))"},"Next":"A"}}}`, `[1]`)
	f.Fuzz(func(t *testing.T, definition, input string) {
		m, err := Compile(definition, Options{})
		if err != nil {
			return
		}
		if _, err := jsonpath.Parse(input); err != nil {
			return
		}
		x := New(m, &fixedEnv{}, Info{Input: input, Start: testStart})
		x.Start()
		for range 20 {
			for _, c := range x.InFlight() {
				x.Step(testStart, Event{Kind: TaskSucceeded, Task: c.ID, Output: input})
			}
			x.Step(testStart.Add(time.Hour), Event{Kind: Wake})
			rows, err := x.Changes()
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range rows {
				if len(v) > 2<<20 {
					t.Fatalf("row %s has %d bytes", k, len(v))
				}
			}
		}
	})
}

func BenchmarkTransitions(b *testing.B) {
	m, err := Compile(`{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, -1)"},"Next":"C"},
		"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":0,"Next":"A"}],"Default":"S"},"S":{"Type":"Succeed"}}}`, Options{})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		x := New(m, &fixedEnv{}, Info{Input: `{"n":50}`, Start: testStart})
		for x.Start(); x.Status() == Running; x.Step(testStart, Event{Kind: Wake}) {
			if _, err := x.Changes(); err != nil {
				b.Fatal(err)
			}
		}
		n += 101
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "transitions/s")
}

// A step over large documents stays small enough to be stored.
func TestStepsAreBoundedInBytes(t *testing.T) {
	m, err := Compile(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := New(m, &fixedEnv{}, Info{Input: `"` + strings.Repeat("x", 200<<10) + `"`, Start: testStart})
	x.Start()
	if n := len(x.History()); n > 60 || !x.Runnable() {
		t.Errorf("%d events in one step", n)
	}
	x.Step(testStart, Event{Kind: Crash, Error: ptr("E")})
	if x.Status() != Failed {
		t.Error(x.Status())
	}
}
