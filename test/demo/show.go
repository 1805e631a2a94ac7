package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// show prints what happens: coloured on a terminal, plain elsewhere. It counts the checks.
type show struct {
	f       *os.File
	colour  bool
	checks  int
	failed  int
	reasons []string
}

func newShow(f *os.File) *show {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &show{f: f, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The colours, as SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	cyan   = "36"
	yellow = "33"
)

func (s *show) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (s *show) line(text string) { fmt.Fprintln(s.f, text) }

func (s *show) title(name, about string) {
	s.line("")
	s.line(s.paint(bold, "━━ "+name+" ") + s.paint(dim, about))
}

// step says what comes next, in words.
func (s *show) step(text string) {
	s.line("")
	s.line(s.paint(bold, "▸ "+text))
}

// request shows what is asked, answer what came back.
func (s *show) request(what string, body any) {
	s.line("  " + s.paint(cyan, "→ "+what) + inline(body))
}
func (s *show) answer(what string, body any) {
	s.line("  " + s.paint(cyan, "← "+what) + inline(body))
}

// quote shows lines that another program printed, cut where they get long.
func (s *show) quote(mark, text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		r := []rune(strings.TrimRight(line, "\n"))
		if len(r) > 150 {
			r = append(r[:147], []rune("...")...)
		}
		s.line("    " + s.paint(dim, mark) + " " + string(r))
	}
}

func (s *show) problem(text string) {
	s.failed++
	s.reasons = append(s.reasons, text)
	s.line("  " + s.paint(red, "✗ "+text))
}

// check counts one claim and shows whether it holds.
func (s *show) check(ok bool, claim string) {
	s.checks++
	if !ok {
		s.problem(claim)
		return
	}
	s.line("  " + s.paint(green, "✓ ") + claim)
}

func (s *show) summary(took time.Duration) {
	s.line("")
	verdict := s.paint(green, fmt.Sprintf("all %d checks held", s.checks))
	if s.failed > 0 {
		verdict = s.paint(red, fmt.Sprintf("%d of %d checks failed", s.failed, s.checks))
	}
	s.line(s.paint(bold, "━━ ") + verdict + s.paint(dim, fmt.Sprintf("  in %.1f s", took.Seconds())))
	for _, r := range s.reasons {
		s.line("   " + s.paint(red, "✗ "+r))
	}
}

// inline gives a body on one line, cut where it gets long.
func inline(body any) string {
	var text string
	switch b := body.(type) {
	case nil:
		return ""
	case string:
		text = b
	case []byte:
		var compact bytes.Buffer
		if json.Compact(&compact, b) == nil {
			b = compact.Bytes()
		}
		text = string(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return " " + err.Error()
		}
		text = string(j)
	}
	if r := []rune(text); len(r) > 160 {
		text = string(r[:157]) + "..."
	}
	return " " + text
}
