// Package emf reads metrics out of log lines in CloudWatch's embedded metric format (Amazon CloudWatch User Guide, "Specification: Embedded
// metric format").
package emf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The limits of the format.
const (
	maxLine       = 1 << 20 // bytes
	maxDirectives = 100
	maxMetrics    = 100 // in a directive
	maxSets       = 100 // dimension sets in a directive
	maxDimensions = 30  // in a set
	maxValues     = 100 // of a metric
	maxName       = 1024
	maxOut        = 1000 // metrics of a line in all their dimension sets
)

// Metric is one metric of a line with one of its dimension sets.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions map[string]string
	Unit       string    // "" when the line gives none
	Time       time.Time // the line's Timestamp
	Values     []float64
}

type document struct {
	AWS *struct {
		Timestamp         json.Number `json:"Timestamp"`
		CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
	} `json:"_aws"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// Parse gives the metrics of a line; none when it is not in the format, as most lines are not. What breaks the format's rules in part
// (a metric whose value is no number, a dimension without a target) is left out. The prefix that a runtime writes before a line, ended by
// a tab, is passed over. Parse keeps nothing of line.
func Parse(line string) []Metric {
	body := object(line)
	if body == "" {
		return nil
	}
	var doc document
	if json.Unmarshal([]byte(body), &doc) != nil || doc.AWS == nil || len(doc.AWS.CloudWatchMetrics) == 0 {
		return nil
	}
	ms, err := strconv.ParseInt(doc.AWS.Timestamp.String(), 10, 64)
	if err != nil {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &members) != nil {
		return nil
	}
	at := time.UnixMilli(ms).UTC()
	var out []Metric
	for i, d := range doc.AWS.CloudWatchMetrics {
		if i == maxDirectives {
			break
		}
		if out = d.metrics(out, at, members); len(out) == maxOut {
			break
		}
	}
	return out
}

// marker is in each line of the format.
const marker = `"_aws"`

// Possible tells whether a line in the format may be in a text of many lines.
func Possible(text []byte) bool { return bytes.Contains(text, []byte(marker)) }

// object cuts the line's JSON object out; "" when there is none that could be in the format.
func object(line string) string {
	if len(line) > maxLine || !strings.Contains(line, marker) {
		return ""
	}
	if line = strings.TrimSpace(line); strings.HasPrefix(line, "{") {
		return line
	}
	if i := strings.Index(line, "\t{"); i >= 0 {
		return line[i+1:]
	}
	return ""
}

// metrics appends those of a directive to out, as far as there is room.
func (d directive) metrics(out []Metric, at time.Time, members map[string]json.RawMessage) []Metric {
	if d.Namespace == "" || len(d.Namespace) > maxName || len(d.Metrics) > maxMetrics {
		return out
	}
	sets := d.sets(members)
	for _, m := range d.Metrics {
		values := numbers(members[m.Name])
		if m.Name == "" || len(m.Name) > maxName || len(values) == 0 {
			continue
		}
		for _, set := range sets[:min(len(sets), maxOut-len(out))] {
			out = append(out, Metric{Namespace: d.Namespace, Name: m.Name, Dimensions: set, Unit: m.Unit, Time: at, Values: values})
		}
	}
	return out
}

// sets resolves the dimension sets: each dimension's value is the member that it names. Without sets there is one without dimensions.
func (d directive) sets(members map[string]json.RawMessage) (out []map[string]string) {
	if len(d.Dimensions) == 0 {
		return []map[string]string{nil}
	}
	for i, names := range d.Dimensions {
		if i == maxSets {
			break
		}
		if set, ok := resolve(names, members); ok {
			out = append(out, set)
		}
	}
	return out
}

func resolve(names []string, members map[string]json.RawMessage) (map[string]string, bool) {
	if len(names) > maxDimensions {
		return nil, false
	}
	set := make(map[string]string, len(names))
	for _, n := range names {
		var v any
		if raw, ok := members[n]; !ok || json.Unmarshal(raw, &v) != nil {
			return nil, false
		}
		switch v := v.(type) {
		case string:
			set[n] = v
		case float64, bool:
			set[n] = fmt.Sprint(v)
		default:
			return nil, false
		}
		if set[n] == "" || len(set[n]) > maxName {
			return nil, false
		}
	}
	return set, true
}

// numbers reads a number or a list of numbers; nil for anything else.
func numbers(raw json.RawMessage) []float64 {
	var one float64
	if len(raw) > 0 && raw[0] != '[' {
		if string(raw) == "null" || json.Unmarshal(raw, &one) != nil || math.IsInf(one, 0) {
			return nil
		}
		return []float64{one}
	}
	var list []*float64
	if json.Unmarshal(raw, &list) != nil || len(list) > maxValues {
		return nil
	}
	out := make([]float64, 0, len(list))
	for _, v := range list {
		if v == nil {
			return nil
		}
		out = append(out, *v)
	}
	return out
}
