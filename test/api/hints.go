package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hint is what a recording leaves out of a call: pauses, regions and headers of clients, and which of several receipt handles is meant.
type Hint struct {
	Wait   time.Duration
	Region string
	Header [2]string
	Handle int    // of the newest receive's handles, from 1; 0: the next
	Double string // a list in the parameters of which the recording has only half
	Ignore string // a path that the test took out of the answer before it was recorded
}

// Hints are the hints of the cases by call.
type Hints map[string]map[int]*Hint

// ParseHints reads lines of four fields, which two spaces divide: case, call or first-last, kind, value.
func ParseHints(rows [][]string) (Hints, error) {
	out := Hints{}
	for _, f := range rows {
		if len(f) != 4 {
			return nil, fmt.Errorf("hint %q has %d fields", f, len(f))
		}
		first, last, err := span(f[1])
		if err != nil {
			return nil, err
		}
		if out[f[0]] == nil {
			out[f[0]] = map[int]*Hint{}
		}
		for call := first; call <= last; call++ {
			h := out[f[0]][call]
			if h == nil {
				h = &Hint{}
				out[f[0]][call] = h
			}
			if err := h.set(f[2], f[3]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func span(s string) (first, last int, err error) {
	from, to, ok := strings.Cut(s, "-")
	if first, err = strconv.Atoi(from); err != nil || !ok {
		return first, first, err
	}
	last, err = strconv.Atoi(to)
	return first, last, err
}

func (h *Hint) set(kind, value string) (err error) {
	switch kind {
	case "wait":
		h.Wait, err = time.ParseDuration(value)
	case "region":
		h.Region = value
	case "double":
		h.Double = value
	case "ignore":
		h.Ignore = value
	case "handle":
		h.Handle, err = strconv.Atoi(value)
	case "header":
		name, v, _ := strings.Cut(value, ": ")
		h.Header = [2]string{name, v}
	default:
		err = fmt.Errorf("unknown hint %q", kind)
	}
	return err
}
