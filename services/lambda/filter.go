package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"

	"sundog/engine/bus"
	"sundog/lang/eventpattern"
)

// filter is one of a mapping's filters (Lambda Developer Guide, "Control which events Lambda sends to your function").
type filter struct {
	*eventpattern.Pattern
	inner bool // it looks into what the record carries, which must be JSON then
}

// carried is under which key filters see what a record carries, if that is JSON; "" when there is no such key.
var carried = map[string]string{"sqs": "body", "kinesis": "data"}

// filters compiles the filter criteria; none let everything through. What is said of the data of a Kinesis stream has to be said of JSON, for they are no text.
func (m *mapping) filters() ([]filter, error) {
	if m.Config.FilterCriteria == nil {
		return nil, nil
	}
	var all []filter
	key := carried[m.source().Service]
	for _, f := range m.Config.FilterCriteria.Filters {
		text := []byte(str(f.Pattern))
		p, err := eventpattern.Compile(text, eventpattern.EventBridge)
		if err != nil {
			return nil, errInvalidFilter()
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, errInvalidFilter()
		}
		of, said := fields[key]
		inner := said && bytes.HasPrefix(bytes.TrimSpace(of), []byte("{"))
		if said && !inner && key == "data" {
			return nil, errInvalidFilter()
		}
		all = append(all, filter{p, inner})
	}
	return all, nil
}

func errInvalidFilter() error { return errParameter("Invalid filter pattern definition.") }

// matches tells whether an event passes the filters: one of them is enough. isJSON tells whether what it carries is an object, which was put in its place.
func (p *poller) matches(event any, isJSON bool) bool {
	if len(p.filters) == 0 {
		return true
	}
	for _, f := range p.filters {
		if (isJSON || !f.inner) && f.Match(event) {
			return true
		}
	}
	return false
}

// filterable is a message's record as filters see it: a body that is a JSON object is looked into.
func filterable(raw []byte, body string) (event any, isJSON bool) {
	event = decode(raw)
	return event, lookInto(event, "body", []byte(body))
}

// filterable is a stream's record as filters see it: what a Kinesis record carries is under "data".
func (l *lane) filterable(rec bus.Record) (event any, isJSON bool) {
	if len(l.filters) == 0 {
		return nil, false
	}
	event = decode(rec.JSON)
	if l.src.Service == "kinesis" {
		isJSON = lookInto(event, "data", kinesisData(rec.JSON))
	}
	return event, isJSON
}

// kinesisData is what a Kinesis record's JSON carries.
func kinesisData(record []byte) []byte {
	var r struct {
		Kinesis struct {
			Data string `json:"data"`
		} `json:"kinesis"`
	}
	if json.Unmarshal(record, &r) != nil {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(r.Kinesis.Data)
	if err != nil {
		return nil
	}
	return data
}

// lookInto puts what a text holds in its place, if that is a JSON object, and tells whether it is.
func lookInto(event any, name string, text []byte) bool {
	m, ok := event.(map[string]any)
	if !ok {
		return false
	}
	inner, ok := decode(text).(map[string]any)
	if ok {
		m[name] = inner
	}
	return ok
}

// decode reads JSON with its numbers as they are written; nil when it is none.
func decode(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil // something follows
	}
	return v
}
