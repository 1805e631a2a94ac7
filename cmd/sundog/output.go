package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

// screen writes for people: colours and columns on a terminal, plain lines elsewhere. Safe for concurrent use.
type screen struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	colour   bool
}

func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &screen{w: f, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The colours, as SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s *screen) paint(colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// table prints rows in columns; the first row is the heading. Elsewhere than on a terminal the cells of a row stand between tabs.
func (s *screen) table(rows [][]string) {
	if !s.terminal {
		for _, r := range rows {
			s.line("%s", strings.TrimRight(strings.Join(r, "\t"), "\t"))
		}
		return
	}
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if n == 0 {
				c = s.paint(dim, c)
			}
			b.WriteString(c + pad + "  ")
		}
		s.line("%s", strings.TrimRight(b.String(), " "))
	}
}
