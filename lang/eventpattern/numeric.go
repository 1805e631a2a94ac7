package eventpattern

import "strconv"

// numeric reads the list of {"numeric": ["=", 1]} or {"numeric": [">", 0, "<=", 5]}.
func (l *lexer) numeric() (test, *Error) {
	t, err := l.next()
	if err != nil {
		return nil, err
	}
	if t.kind != beginArray {
		return nil, l.fail(t.seen, "Value of numeric must be an array.")
	}
	if t, err = l.next(); err != nil {
		return nil, err
	}
	if t.kind != text {
		return nil, l.fail(t.end, "Invalid member in numeric match: %s", t.text)
	}
	var r numericRange
	switch op := t.text; op {
	case "=":
		if r.low, err = l.bound("equals"); err != nil {
			return nil, err
		}
		r.high, r.hasLow, r.hasHigh = r.low, true, true
	case ">", ">=":
		if r.low, err = l.bound(op); err != nil {
			return nil, err
		}
		r.hasLow, r.openLow = true, op == ">"
		return l.upper(r)
	case "<", "<=":
		if r.high, err = l.bound(op); err != nil {
			return nil, err
		}
		r.hasHigh, r.openHigh = true, op == "<"
	default:
		return nil, l.fail(t.end, "Unrecognized numeric range operator: %s", op)
	}
	if t, err = l.next(); err == nil && t.kind != endArray {
		err = l.fail(t.seen, "Too many elements in numeric expression")
	}
	return r, err
}

// upper reads what may follow a lower bound.
func (l *lexer) upper(r numericRange) (test, *Error) {
	t, err := l.next()
	if err != nil || t.kind == endArray {
		return r, err
	}
	if t.kind != text {
		return nil, l.fail(t.end, "Bad value in numeric range: %s", t.text)
	}
	if t.text != "<" && t.text != "<=" {
		return nil, l.fail(t.end, "Bad numeric range operator: %s", t.text)
	}
	if r.high, err = l.bound(t.text); err != nil {
		return nil, err
	}
	r.hasHigh, r.openHigh = true, t.text == "<"
	if t, err = l.next(); err != nil {
		return nil, err
	}
	if t.kind != endArray {
		return nil, l.fail(t.seen, "Too many terms in numeric range expression")
	}
	if r.low >= r.high {
		return nil, plain(l.dialect, "Bottom must be less than top")
	}
	return r, nil
}

// maxNumeric is the greatest number that may be compared with, either way of 0: EventBridge's, and SNS's ("Filter policy constraints").
func (d Dialect) maxNumeric() (most float64, text string) {
	if d.sns() {
		return 1e9, "1.0E9"
	}
	return 5e9, "5.0E9"
}

func (l *lexer) bound(op string) (float64, *Error) {
	t, err := l.next()
	if err != nil {
		return 0, err
	}
	if t.kind != number {
		return 0, l.fail(t.seen, "Value of %s must be numeric", op)
	}
	f, perr := strconv.ParseFloat(t.text, 64)
	if most, text := l.dialect.maxNumeric(); perr != nil || f < -most || f > most {
		return 0, plain(l.dialect, "Value must be between -%s and %s, inclusive", text, text)
	}
	return f, nil
}
