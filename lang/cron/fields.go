package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	firstYear = 1970
	lastYear  = 2199
)

// set holds small numbers; 230 years fit.
type set [4]uint64

func (s *set) add(n int)      { s[n>>6] |= 1 << (n & 63) }
func (s *set) has(n int) bool { return s[n>>6]&(1<<(n&63)) != 0 }

// fields is a compiled cron(minutes hours day-of-month month day-of-week year).
type fields struct {
	minutes, hours, months, years set // years from 1970
	monthDays                     days
	weekDays                      days
	byWeek                        bool // day-of-month is "?"
}

// days is one of the two day fields. Weekdays are 1 (Sunday) to 7.
type days struct {
	set     set
	last    bool // L, or nL of a weekday: the last such day of the month
	before  int  // L-n
	weekday bool // nW: the weekday nearest to day n of the same month; LW
	nth     int  // n#k: the k-th of the month
	day     int  // the n of nW, nL and n#k
}

type bounds struct {
	name     string
	min, max int
	names    []string // of min, min+1, ...
}

var (
	minuteBounds  = bounds{name: "minutes", max: 59}
	hourBounds    = bounds{name: "hours", max: 23}
	dayBounds     = bounds{name: "day-of-month", min: 1, max: 31}
	monthBounds   = bounds{name: "month", min: 1, max: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekdayBounds = bounds{name: "day-of-week", min: 1, max: 7, names: strings.Fields("SUN MON TUE WED THU FRI SAT")}
	yearBounds    = bounds{name: "year", min: firstYear, max: lastYear}
)

func parseFields(s string) (*fields, error) {
	parts := strings.Fields(strings.ToUpper(s))
	if len(parts) != 6 {
		return nil, fmt.Errorf("cron(%s) has %d fields, not 6", s, len(parts))
	}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, fmt.Errorf("cron(%s): one of day-of-month and day-of-week must be ?, and only one", s)
	}
	f := &fields{byWeek: parts[2] == "?"}
	for i, p := range []struct {
		b  bounds
		to *set
	}{{minuteBounds, &f.minutes}, {hourBounds, &f.hours}, {}, {monthBounds, &f.months}, {}, {yearBounds, &f.years}} {
		if p.to == nil {
			continue
		}
		if err := p.b.list(parts[i], p.to); err != nil {
			return nil, err
		}
	}
	if f.byWeek {
		return f, f.weekDays.parseWeek(parts[4])
	}
	return f, f.monthDays.parseMonth(parts[2])
}

// list reads "a,b-c,d/e" into a set whose zero is the bounds' minimum for years, else 0.
func (b bounds) list(s string, to *set) error {
	shift := 0
	if b.min == firstYear {
		shift = firstYear
	}
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, step, err := b.item(part)
		if err != nil {
			return err
		}
		if hi < lo { // a range over the end, such as FRI-MON
			for n := lo; n <= b.max; n += step {
				to.add(n - shift)
			}
			lo += (b.max - lo + step) / step * step // the next in step, counted past the end
			lo -= b.max - b.min + 1
		}
		for n := lo; n <= hi; n += step {
			to.add(n - shift)
		}
	}
	return nil
}

func (b bounds) item(s string) (lo, hi, step int, err error) {
	span, every, stepped := strings.Cut(s, "/")
	step = 1
	if stepped {
		if step, err = strconv.Atoi(every); err != nil || step < 1 || step > b.max {
			return 0, 0, 0, fmt.Errorf("%s: bad step in %q", b.name, s)
		}
	}
	if span == "*" {
		return b.min, b.max, step, nil
	}
	from, to, isRange := strings.Cut(span, "-")
	if lo, err = b.value(from); err != nil {
		return 0, 0, 0, err
	}
	switch {
	case isRange:
		hi, err = b.value(to)
		if err == nil && hi < lo && b.min == firstYear {
			err = fmt.Errorf("year: range %q ends before it begins", span)
		}
	case stepped:
		hi = b.max
	default:
		hi = lo
	}
	return lo, hi, step, err
}

func (b bounds) value(s string) (int, error) {
	for i, n := range b.names {
		if s == n {
			return b.min + i, nil
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < b.min || n > b.max || s[0] == '+' {
		return 0, fmt.Errorf("%s: %q is not a value from %d to %d", b.name, s, b.min, b.max)
	}
	return n, nil
}

func (d *days) parseMonth(s string) error {
	var err error
	switch {
	case s == "L":
		d.last = true
	case s == "LW" || s == "WL":
		d.last, d.weekday = true, true
	case strings.HasPrefix(s, "L-"):
		d.last = true
		if d.before, err = strconv.Atoi(s[2:]); err != nil || d.before < 1 || d.before > 30 {
			return fmt.Errorf("day-of-month: bad offset in %q", s)
		}
	case strings.HasSuffix(s, "W"):
		d.weekday = true
		d.day, err = dayBounds.value(strings.TrimSuffix(s, "W"))
	default:
		err = dayBounds.list(s, &d.set)
	}
	return err
}

func (d *days) parseWeek(s string) error {
	var err error
	day, nth, numbered := strings.Cut(s, "#")
	switch {
	case numbered:
		if d.nth, err = strconv.Atoi(nth); err != nil || d.nth < 1 || d.nth > 5 {
			return fmt.Errorf("day-of-week: %q is not from #1 to #5", s)
		}
		d.day, err = weekdayBounds.value(day)
	case s == "L":
		d.set.add(7)
	case strings.HasSuffix(s, "L"):
		d.last = true
		d.day, err = weekdayBounds.value(strings.TrimSuffix(s, "L"))
	default:
		err = weekdayBounds.list(s, &d.set)
	}
	return err
}

// due tells whether a day of a month is one of the schedule's.
func (f *fields) due(year int, month time.Month, day int) bool {
	week := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) + 1
	length := daysIn(year, month)
	if d := f.weekDays; f.byWeek {
		switch {
		case d.nth > 0:
			return week == d.day && (day-1)/7+1 == d.nth
		case d.last:
			return week == d.day && day+7 > length
		}
		return d.set.has(week)
	}
	d := f.monthDays
	switch {
	case d.weekday && d.last:
		return day == nearestWeekday(year, month, length)
	case d.weekday:
		return d.day <= length && day == nearestWeekday(year, month, d.day)
	case d.last:
		return day == length-d.before
	}
	return d.set.has(day)
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// nearestWeekday gives the day from Monday to Friday that is nearest to day and in the same month.
func nearestWeekday(year int, month time.Month, day int) int {
	switch time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == daysIn(year, month) {
			return day - 2
		}
		return day + 1
	}
	return day
}

func (f *fields) next(after time.Time) (time.Time, bool) {
	year, month, day := after.Date()
	minute := after.Hour()*60 + after.Minute() + 1 // of the first day only
	for ; year <= lastYear; year, month, day, minute = year+1, time.January, 1, 0 {
		if year < firstYear || !f.years.has(year-firstYear) {
			continue
		}
		for ; month <= time.December; month, day, minute = month+1, 1, 0 {
			if !f.months.has(int(month)) {
				continue
			}
			for ; day <= daysIn(year, month); day, minute = day+1, 0 {
				if !f.due(year, month, day) {
					continue
				}
				if t, ok := f.within(year, month, day, minute, after); ok {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}

// within gives the first due time of a day from a minute of it on.
func (f *fields) within(year int, month time.Month, day, minute int, after time.Time) (time.Time, bool) {
	for ; minute < 24*60; minute++ {
		h, m := minute/60, minute%60
		if !f.hours.has(h) {
			minute += 59 - m
			continue
		}
		if !f.minutes.has(m) {
			continue
		}
		t := time.Date(year, month, day, h, m, 0, 0, after.Location())
		if t.Hour() != h || t.Minute() != m {
			continue // the zone's clock jumps over it
		}
		if t = earliest(t); t.After(after) {
			return t, true
		}
	}
	return time.Time{}, false
}

// earliest gives the first of the two moments that a clock set back shows alike.
func earliest(t time.Time) time.Time {
	for _, back := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		if e := t.Add(-back); e.Day() == t.Day() && e.Hour() == t.Hour() && e.Minute() == t.Minute() {
			return e
		}
	}
	return t
}
