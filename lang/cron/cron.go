// Package cron reads AWS's schedule expressions and says when they are due: cron(...) with six fields, rate(...) and at(...)
// (Amazon EventBridge User Guide, "Creating an Amazon EventBridge rule that runs on a schedule"; EventBridge Scheduler User Guide,
// "Schedule types"). It is pure: it never asks for the time.
package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sundog/internal/pattern"
)

// Schedule is a compiled expression. It is immutable and safe for concurrent use.
type Schedule struct {
	zone  *time.Location
	cron  *fields
	every time.Duration
	at    time.Time
}

// Parse reads an expression whose times are in zone; nil is UTC. The error says which part is wrong; the services themselves
// only say that the expression is not valid.
func Parse(expr string, zone *time.Location) (*Schedule, error) {
	if zone == nil {
		zone = time.UTC
	}
	kind, inner, ok := strings.Cut(expr, "(")
	if !ok || !strings.HasSuffix(inner, ")") {
		return nil, fmt.Errorf("schedule expression %q is not cron(...), rate(...) or at(...)", expr)
	}
	inner = inner[:len(inner)-1]
	s := &Schedule{zone: zone}
	var err error
	switch kind {
	case "cron":
		s.cron, err = parseFields(inner)
	case "rate":
		s.every, err = parseRate(inner)
	case "at":
		s.at, err = time.ParseInLocation("2006-01-02T15:04:05", inner, zone)
	default:
		err = fmt.Errorf("schedule expression %q is not cron(...), rate(...) or at(...)", expr)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Kind gives "cron", "rate" or "at".
func (s *Schedule) Kind() string {
	switch {
	case s.cron != nil:
		return "cron"
	case s.every > 0:
		return "rate"
	}
	return "at"
}

// Next gives the first time after `after` at which the schedule is due, in the schedule's zone, and false when there is none. A
// rate counts from start, which is due itself one period later. Wall-clock times that a zone skips are passed over; those that
// it has twice are due once, the first time.
func (s *Schedule) Next(after, start time.Time) (time.Time, bool) {
	switch {
	case s.cron != nil:
		return s.cron.next(after.In(s.zone))
	case s.every > 0:
		if after.Before(start) {
			return start.Add(s.every).In(s.zone), true
		}
		periods := after.Sub(start)/s.every + 1
		return start.Add(periods * s.every).In(s.zone), true
	}
	return s.at, s.at.After(after)
}

var rateForm = pattern.New(`^([0-9]{1,9}) (minute|hour|day)(s?)$`)

func parseRate(s string) (time.Duration, error) {
	m := rateForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("rate(%s) is not a value and minute(s), hour(s) or day(s)", s)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n == 0 {
		return 0, fmt.Errorf("rate(%s): the value must be positive", s)
	}
	if (n == 1) != (m[3] == "") {
		return 0, fmt.Errorf("rate(%s): 1 goes with the singular, other values with the plural", s)
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
	if n > int(100*365*24*time.Hour/unit) {
		return 0, fmt.Errorf("rate(%s): longer than a hundred years", s)
	}
	return time.Duration(n) * unit, nil
}
