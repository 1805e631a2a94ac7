package api

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sundog/cloud/schema"
)

// data are bytes in parameters.
type data []byte

// plain gives a parameter as it is meant: what the recording wrote as {"$text": ...} and the like becomes data, text or a time.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			var err error
			if v[i], err = plain(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if strings.HasPrefix(k, "$") {
				return special(v)
			}
		}
		for k := range v {
			var err error
			if v[k], err = plain(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func special(v map[string]any) (any, error) {
	length, _ := v["length"].(float64)
	text := func(k string) string { s, _ := v[k].(string); return s }
	switch {
	case v["$text"] != nil:
		return data(text("$text")), nil
	case v["$base64"] != nil:
		b, err := base64.StdEncoding.DecodeString(text("$base64"))
		return data(b), err
	case v["$repeat"] != nil:
		unit := text("$repeat")
		return strings.Repeat(unit, int(length)/len(unit)+1)[:int(length)] + text("then"), nil
	case v["$string"] != nil:
		head := text("$string")
		return head + strings.Repeat("x", max(int(length)-len(head), 0)), nil
	case v["$time"] != nil:
		at, err := time.Parse(time.RFC3339Nano, text("$time"))
		return today(at), err
	case v["$zip"] != nil:
		b, err := archive(v["$zip"], int(length))
		return data(b), err
	case v["$bytes"] != nil:
		n, _ := v["$bytes"].(float64)
		return data(make([]byte, int(n))), nil
	}
	return nil, fmt.Errorf("unknown value %v", v)
}

// recorded is when the requests were. Their times of that day, the day before and the day after are meant from the moment of the request: one that lay a day
// ahead must do so still.
var recorded = time.Date(2026, 11, 23, 8, 25, 0, 0, time.UTC)

// today moves a time near the recording by as many whole days as have passed since.
func today(at time.Time) time.Time {
	const day = 24 * time.Hour
	if at.Sub(recorded).Abs() > 2*day {
		return at
	}
	return at.Add(time.Since(recorded).Truncate(day))
}

// archive makes a package with the recorded names, whose contents the recording left out: as large as the recorded one when that was not compressed.
func archive(entries any, length int) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	list, _ := entries.([]any)
	method := zip.Store
	if unpacked(list) > length {
		method = zip.Deflate
	}
	for _, e := range list {
		entry, _ := e.([]any)
		if len(entry) != 2 {
			return nil, fmt.Errorf("unknown entry %v", e)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(entry[0]), Method: method})
		if err != nil {
			return nil, err
		}
		size, _ := entry[1].(float64)
		if _, err := w.Write(bytes.Repeat([]byte("\n"), int(size))); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

// unpacked is the size of what a package holds.
func unpacked(entries []any) (sum int) {
	for _, e := range entries {
		if entry, _ := e.([]any); len(entry) == 2 {
			size, _ := entry[1].(float64)
			sum += int(size)
		}
	}
	return sum
}

// model gives a plain value as the model's JSON has it: blobs in base64, times as seconds.
func model(s *schema.Shape, v any) any {
	switch x := v.(type) {
	case nil:
		return nil
	case data:
		if s.Kind == schema.Blob {
			return base64.StdEncoding.EncodeToString(x)
		}
		return string(x)
	case time.Time:
		if s.Kind == schema.Timestamp {
			return float64(x.UnixMilli()) / 1000
		}
		return x.Format(time.RFC3339)
	case string:
		if s.Kind == schema.Blob {
			return base64.StdEncoding.EncodeToString([]byte(x))
		}
		if at, err := time.Parse(time.RFC3339, x); err == nil && s.Kind == schema.Timestamp {
			return at.Unix()
		}
	case []any:
		if s.Kind == schema.List {
			for i := range x {
				x[i] = model(s.Elem.Shape, x[i])
			}
		}
	case map[string]any:
		return modelMap(s, x)
	}
	return v
}

func modelMap(s *schema.Shape, x map[string]any) any {
	for k, e := range x {
		switch s.Kind {
		case schema.Map:
			x[k] = model(s.Elem.Shape, e)
		case schema.Structure:
			if m := s.Member(k); m != nil {
				x[k] = model(m.Shape, e)
			}
		}
	}
	return x
}

// stream takes the member that travels as a stream out of parameters; nil when there is none.
func stream(s *schema.Shape, params map[string]any) *bytes.Reader {
	if s.Payload == nil {
		return nil
	}
	v, ok := params[s.Payload.Name]
	if !ok {
		return nil
	}
	delete(params, s.Payload.Name)
	switch v := v.(type) {
	case data:
		return bytes.NewReader(v)
	case string:
		return bytes.NewReader([]byte(v))
	}
	return nil
}

// readable turns the blob that is an answer's payload into text, as the recording did.
func readable(s *schema.Shape, answer map[string]any) {
	if s.Payload == nil || s.Payload.Shape.Kind != schema.Blob {
		return
	}
	t, _ := answer[s.Payload.Name].(string)
	if t == "" {
		answer[s.Payload.Name] = ""
		return
	}
	if b, err := base64.StdEncoding.DecodeString(t); err == nil && utf8.Valid(b) {
		answer[s.Payload.Name] = string(b)
	}
}
