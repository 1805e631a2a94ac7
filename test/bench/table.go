package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// table is the result: a row for each thing that is measured, a column for each durability mode and one for the other tool.
type table struct {
	rows  []*row
	notes []string
}

type row struct {
	what   string
	cells  map[string]string // by mode, or "peer"
	budget string
}

// budgets are those of ARCHITECTURE.md, by row.
var budgets = map[string]string{
	rowStart: "50 ms", rowTrial: "50 ms", rowMemory: "30 MiB", rowSize: "60 MB",
	"PutItem": "relaxed 15,000, durable 10,000", rowSend: "relaxed 15,000, durable 10,000",
	rowBatch: "relaxed 60,000", rowCycle: "5,000", rowFanOut: "3,000", rowPolls: "1% while they wait",
	warmHTTP("node"): "5,000; p50 under 1 ms alone", paceRow("node"): "overhead p50 under 1 ms, p99 under 5 ms", warmHTTP("go"): "6,000",
	rowMany: "60 MiB", rowBurst: "none fails", rowCrowd: "none fails", rowFrozen: "0",
	rowTransitions: "20,000 relaxed",
}

const (
	rowStart       = "start to first answer"
	rowTrial       = "the same, a sandbox tried out first"
	rowMemory      = "idle memory (RSS)"
	rowSize        = "binary"
	rowTransitions = "workflow transitions, standard"
)

// put writes a cell; rows are in the order of their first cell.
func (t *table) put(what, column, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	progress("%s, %s: %s", what, column, text)
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.what == what })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{what: what, cells: map[string]string{}, budget: budgets[what]})
	}
	t.rows[i].cells[column] = text
}

// budget sets a row's budget that depends on what was measured.
func (t *table) budget(what, format string, args ...any) {
	for _, r := range t.rows {
		if r.what == what {
			r.budget = fmt.Sprintf(format, args...)
		}
	}
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *table) print(w io.Writer, d time.Duration) {
	lines := [][]string{{"what", "sundog relaxed", "sundog durable", "other tool", "budget"}, nil}
	for _, r := range t.rows {
		lines = append(lines, []string{r.what, r.cells["relaxed"], r.cells["sync"], r.cells["peer"], r.budget})
	}
	widths := make([]int, 5)
	for _, l := range lines {
		for i, c := range l {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	lines[1] = make([]string, 5)
	for i, n := range widths {
		lines[1][i] = strings.Repeat("-", n)
	}
	for _, l := range lines {
		for i, c := range l {
			fmt.Fprintf(w, "| %s%s ", c, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)))
		}
		fmt.Fprintln(w, "|")
	}
	fmt.Fprintf(w, "\n%d processors, shared with the load generator; %v for each rate; /s is answers a second, then p50 and p99.\n", runtime.NumCPU(), d)
	for _, n := range t.notes {
		fmt.Fprintln(w, n)
	}
}
