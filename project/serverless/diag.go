package serverless

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Pos is a place in a file; Line and Column count from 1. The zero Pos is "nowhere", of values that the compiler made.
type Pos struct {
	File         string // as the user would name it: relative to the application's folder where possible
	Line, Column int
}

// String gives "file:line:column", or the file alone when there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Severity says what a Diagnostic means for the application.
type Severity uint8

// The severities, mildest first.
const (
	Note    Severity = iota // accepted, no effect here
	Warning                 // probably a mistake; the application is compiled as it stands
	Failure                 // the application cannot be compiled
)

// String gives "note", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	}
	return "error"
}

// Diagnostic is one thing to tell the user about the application.
type Diagnostic struct {
	Pos
	Severity Severity
	Message  string // what is wrong, without a position
	Hint     string // the nearest valid thing, as a sentence; may be empty
}

// String gives one line: position, message, hint.
func (d Diagnostic) String() string {
	s := d.Message
	if p := d.Pos.String(); p != "" {
		s = p + ": " + s
	}
	if d.Hint != "" {
		s += "; " + d.Hint
	}
	return s
}

// Render gives String and, when dir/File can be read, the source line with a caret under the column.
func (d Diagnostic) Render(dir string) string {
	var b strings.Builder
	b.WriteString(d.Severity.String() + ": " + d.String() + "\n")
	if line, ok := sourceLine(dir, d.Pos); ok {
		num := fmt.Sprintf("%5d | ", d.Line)
		b.WriteString(num + line + "\n")
		b.WriteString(strings.Repeat(" ", len(num)-2) + "| " + caretPad(line, d.Column) + "^\n")
	}
	return b.String()
}

// caretPad keeps the tabs of the line, so that the caret stands under the right character.
func caretPad(line string, column int) string {
	var b strings.Builder
	n := 1
	for _, r := range line {
		if n >= column {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
		n++
	}
	return b.String()
}

func sourceLine(dir string, p Pos) (string, bool) {
	if p.Line == 0 || p.File == "" {
		return "", false
	}
	name := p.File
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", false
	}
	lines := strings.Split(string(data), "\n")
	if p.Line > len(lines) {
		return "", false
	}
	return strings.TrimRight(lines[p.Line-1], "\r"), true
}

// Error is what Load returns when the application cannot be compiled: at least one Diagnostic is a Failure.
type Error struct {
	Diagnostics []Diagnostic // failures only, in order of position
}

// Error gives one line per failure.
func (e *Error) Error() string {
	lines := make([]string, len(e.Diagnostics))
	for i, d := range e.Diagnostics {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// diagnostics collects what is found on the way; at most maxDiagnostics are kept, so that a broken file does not flood.
type diagnostics struct {
	list []Diagnostic
	seen map[Diagnostic]bool
}

const maxDiagnostics = 200

func (ds *diagnostics) add(sev Severity, p Pos, hint, message string) {
	d := Diagnostic{Pos: p, Severity: sev, Message: message, Hint: hint}
	if ds.seen == nil {
		ds.seen = map[Diagnostic]bool{}
	}
	if ds.seen[d] || len(ds.list) >= maxDiagnostics && sev != Failure || len(ds.list) >= 2*maxDiagnostics {
		return
	}
	ds.seen[d] = true
	ds.list = append(ds.list, d)
}

func (ds *diagnostics) errorf(p Pos, format string, args ...any) {
	ds.add(Failure, p, "", fmt.Sprintf(format, args...))
}

func (ds *diagnostics) warnf(p Pos, format string, args ...any) {
	ds.add(Warning, p, "", fmt.Sprintf(format, args...))
}

// sorted gives the diagnostics by file, line and column; equal places keep their order.
func (ds *diagnostics) sorted() []Diagnostic {
	out := append([]Diagnostic(nil), ds.list...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i].Pos, out[j].Pos
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return out
}

// err gives an *Error with the failures, or nil when there are none.
func (ds *diagnostics) err() error {
	var fails []Diagnostic
	for _, d := range ds.sorted() {
		if d.Severity == Failure {
			fails = append(fails, d)
		}
	}
	if len(fails) == 0 {
		return nil
	}
	return &Error{Diagnostics: fails}
}

// failure makes an error of one failure, for functions that stop at the first.
func failure(p Pos, hint, format string, args ...any) error {
	return &Error{Diagnostics: []Diagnostic{{Pos: p, Severity: Failure, Message: fmt.Sprintf(format, args...), Hint: hint}}}
}

// addErr takes the failures of err over; an error of another kind becomes a failure at p.
func (ds *diagnostics) addErr(p Pos, err error) {
	if err == nil {
		return
	}
	var e *Error
	if errors.As(err, &e) {
		for _, d := range e.Diagnostics {
			ds.add(d.Severity, d.Pos, d.Hint, d.Message)
		}
		return
	}
	ds.add(Failure, p, "", err.Error())
}
