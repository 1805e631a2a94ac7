package record

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud/schema"
)

// The formats of times.
const (
	ISO8601 = "iso8601"
	Epoch   = "unixTimestamp"
	RFC822  = "rfc822"
)

// TimeFormat gives the format of a timestamp member: its own, its shape's, or the one that is usual where it stands.
func TimeFormat(m *schema.Member, usual string) string {
	switch {
	case m != nil && m.TimeFormat != "":
		return m.TimeFormat
	case m != nil && m.Shape.TimeFormat != "":
		return m.Shape.TimeFormat
	}
	return usual
}

// FormatTime writes a time in one of the three formats, in UTC, with milliseconds where it has any (rfc822 has none).
func FormatTime(t time.Time, format string) string {
	t = t.UTC()
	switch format {
	case Epoch:
		return string(AppendEpoch(nil, t))
	case RFC822:
		return t.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	if t.Nanosecond()/1e6 != 0 {
		return t.Format("2006-01-02T15:04:05.000Z")
	}
	return t.Format("2006-01-02T15:04:05Z")
}

// AppendEpoch appends the seconds since 1970, with up to three decimals.
func AppendEpoch(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(b, ms/1000, 10)
	}
	return strconv.AppendFloat(b, float64(ms)/1000, 'f', -1, 64)
}

// EpochTime is the time of seconds since 1970; fractions are kept to the millisecond.
func EpochTime(sec float64) (time.Time, error) {
	if math.IsNaN(sec) || sec < -62135596800 || sec > 253402300799 {
		return time.Time{}, errors.New("time out of range")
	}
	return time.UnixMilli(int64(math.Round(sec * 1000))).UTC(), nil
}

var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "20060102T150405Z", "2006-01-02T15:04Z", "2006-01-02", time.RFC1123, "Mon, 2 Jan 2006 15:04:05 GMT",
	"Mon, 02 Jan 2006 15:04:05.999 GMT", time.RFC1123Z, time.RFC850, time.ANSIC,
}

// ParseTime reads a time in any of the formats that clients send.
func ParseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return EpochTime(f)
	}
	for _, l := range timeLayouts {
		if t, err := time.Parse(l, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("not a time: %q", s)
}

// FormatFloat writes a float as the protocols do: the shortest form, NaN, Infinity or -Infinity.
func FormatFloat(f float64, bits int) string { return string(AppendFloat(nil, f, bits)) }

// AppendFloat appends what FormatFloat writes.
func AppendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendFloat(b, f, 'f', 1, bits)
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

// ParseFloat reads what FormatFloat writes.
func ParseFloat(s string, bits int) (float64, error) {
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if strings.ContainsAny(s, "nNxX_pP") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, bits)
}

// Text writes a scalar as text, as headers, query strings, forms and XML do. usual is the time format where the member says none.
func Text(p *Plan, m *schema.Member, v reflect.Value, usual string) string {
	v = Deref(v)
	switch p.Shape.Kind {
	case schema.String:
		return v.String()
	case schema.Boolean:
		return strconv.FormatBool(v.Bool())
	case schema.Integer, schema.Long:
		return strconv.FormatInt(v.Int(), 10)
	case schema.Float:
		return FormatFloat(v.Float(), 32)
	case schema.Double:
		return FormatFloat(v.Float(), 64)
	case schema.Timestamp:
		return FormatTime(Time(v), TimeFormat(m, usual))
	case schema.Blob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case schema.Document:
		return string(v.Bytes())
	}
	return ""
}

// SetText reads a scalar from text into v.
func SetText(p *Plan, v reflect.Value, s string) error {
	switch p.Shape.Kind {
	case schema.String:
		SetString(v, s)
	case schema.Boolean:
		b, err := parseBool(s)
		if err != nil {
			return err
		}
		Inner(v).SetBool(b)
	case schema.Integer, schema.Long:
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, p.Type.Bits())
		if err != nil {
			return fmt.Errorf("not a number: %q", s)
		}
		Inner(v).SetInt(n)
	case schema.Float, schema.Double:
		f, err := ParseFloat(strings.TrimSpace(s), p.Type.Bits())
		if err != nil {
			return fmt.Errorf("not a number: %q", s)
		}
		Inner(v).SetFloat(f)
	case schema.Timestamp:
		t, err := ParseTime(s)
		if err != nil {
			return err
		}
		SetTime(v, t)
	case schema.Blob:
		b, err := ParseBase64(s)
		if err != nil {
			return err
		}
		v.SetBytes(b)
	case schema.Document:
		v.SetBytes([]byte(s))
	default:
		return fmt.Errorf("a %s is not a text", p.Shape.Kind)
	}
	return nil
}

// ParseBase64 reads standard base64, with or without padding and line breaks. The answer is never nil.
func ParseBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, " \r\n\t") {
		s = strings.Join(strings.Fields(s), "")
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, errors.New("not base64")
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("not a boolean: %q", s)
}

// SortedKeys gives the keys of a map in order.
func SortedKeys(v reflect.Value) []string {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
