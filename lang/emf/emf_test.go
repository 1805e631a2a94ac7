package emf

import (
	"reflect"
	"testing"
	"time"
)

var at = time.UnixMilli(1_700_000_000_123).UTC()

const head = `{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"app","Dimensions":`

func TestParse(t *testing.T) {
	tests := map[string]struct {
		line string
		want []Metric
	}{
		"plain line":        {"hello", nil},
		"JSON of other use": {`{"level":"info"}`, nil},
		"no timestamp":      {`{"_aws":{"CloudWatchMetrics":[{"Namespace":"app","Metrics":[{"Name":"a"}]}]},"a":1}`, nil},
		"one set": {
			head + `[["fn"]],"Metrics":[{"Name":"time","Unit":"Milliseconds"}]}]},"fn":"f","time":12.5}`,
			[]Metric{{"app", "time", map[string]string{"fn": "f"}, "Milliseconds", at, []float64{12.5}}},
		},
		"two sets, a list": {
			head + `[["fn"],[]],"Metrics":[{"Name":"n"}]}]},"fn":"f","n":[1,2]}`,
			[]Metric{{"app", "n", map[string]string{"fn": "f"}, "", at, []float64{1, 2}}, {"app", "n", map[string]string{}, "", at, []float64{1, 2}}},
		},
		"no dimensions": {
			`{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"app","Metrics":[{"Name":"n"}]}]},"n":0}`,
			[]Metric{{"app", "n", nil, "", at, []float64{0}}},
		},
		"after a runtime's prefix": {
			"2026-01-01T00:00:00.000Z\tid\tINFO\t" + head + `[[]],"Metrics":[{"Name":"n"}]}]},"n":3}` + "\n",
			[]Metric{{"app", "n", map[string]string{}, "", at, []float64{3}}},
		},
		"a dimension without target": {head + `[["x"]],"Metrics":[{"Name":"n"}]}]},"n":3}`, nil},
		"a value that is no number":  {head + `[[]],"Metrics":[{"Name":"n"}]}]},"n":"3"}`, nil},
		"a metric without value":     {head + `[[]],"Metrics":[{"Name":"n"}]}]}}`, nil},
		"null in a list":             {head + `[[]],"Metrics":[{"Name":"n"}]}]},"n":[1,null]}`, nil},
		"cut off":                    {head, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Parse(tt.line); !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head + `[["fn"]],"Metrics":[{"Name":"time","Unit":"Milliseconds"}]}]},"fn":"f","time":12.5}`)
	f.Add("x\t{\"_aws\":{}}")
	f.Fuzz(func(t *testing.T, line string) {
		for _, m := range Parse(line) {
			if m.Namespace == "" || m.Name == "" || len(m.Values) == 0 || len(m.Dimensions) > maxDimensions {
				t.Fatalf("%+v", m)
			}
		}
	})
}
