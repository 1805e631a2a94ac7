package eventstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/jsonbody"
	"sundog/edge/wire/record"
)

// ContentType is the media type of a stream.
const ContentType = "application/vnd.amazon.eventstream"

// Serve writes the events of s, whose union shape is union, as messages, each flushed, and closes s. Structures in payloads are JSON.
// initial, if not nil, is the payload of an initial-response message of the media type initialType (the RPC protocols). An error
// of s ends the stream with an exception or error message; what Serve gives is only the failure to write.
func Serve(w http.ResponseWriter, r *http.Request, union *schema.Shape, s schema.EventStream, initial []byte, initialType string) error {
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(http.StatusOK)
	if s == nil {
		return nil
	}
	defer s.Close()
	if initial != nil {
		if err := send(w, Message{eventHeaders("initial-response", initialType), initial}); err != nil {
			return err
		}
	}
	for {
		event, err := s.Next(r.Context())
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return send(w, exception(union, cloud.AsError(err)))
		}
		m, err := encode(union, event)
		if err != nil {
			return err
		}
		if err := send(w, m); err != nil {
			return err
		}
	}
}

func send(w http.ResponseWriter, m Message) error {
	b, err := Append(nil, m)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

func eventHeaders(event, contentType string) []Header {
	h := []Header{{":message-type", "event"}, {":event-type", event}}
	if contentType != "" {
		h = append(h, Header{":content-type", contentType})
	}
	return h
}

func encode(union *schema.Shape, event any) (Message, error) {
	p, v := record.Of(union, event)
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if fv := v.Field(f.Index); f.Plan != nil && !record.Absent(fv) {
			return encodeEvent(f, record.Deref(fv)), nil
		}
	}
	return Message{}, fmt.Errorf("eventstream: an event of %s without a set field", union.Name)
}

func encodeEvent(u *record.Field, v reflect.Value) Message {
	m := Message{Headers: eventHeaders(u.Name, "")}
	fields := u.Plan.Fields()
	contentType, structured := "application/json", true
	for i := range fields {
		f := &fields[i]
		fv := v.Field(f.Index)
		switch {
		case f.EventHeader && !record.Absent(fv):
			m.Headers = append(m.Headers, Header{f.Name, headerValue(f, record.Deref(fv))})
		case f.EventPayload:
			contentType, m.Payload = payload(f, fv)
			structured = false
		}
	}
	if structured {
		m.Payload = jsonbody.Append(nil, u.Plan, v, jsonbody.Wire)
	}
	m.Headers = append(m.Headers, Header{":content-type", contentType})
	return m
}

func payload(f *record.Field, v reflect.Value) (contentType string, b []byte) {
	switch f.Shape.Kind {
	case schema.Blob:
		return "application/octet-stream", v.Bytes()
	case schema.String:
		if record.Absent(v) {
			return "text/plain", nil
		}
		return "text/plain", []byte(record.Deref(v).String())
	}
	if record.Absent(v) {
		return "application/json", []byte("{}")
	}
	return "application/json", jsonbody.Append(nil, f.Plan, record.Deref(v), jsonbody.Wire)
}

func headerValue(f *record.Field, v reflect.Value) any {
	switch f.Shape.Kind {
	case schema.Boolean:
		return v.Bool()
	case schema.Integer:
		return int32(v.Int())
	case schema.Long:
		return v.Int()
	case schema.Blob:
		return v.Bytes()
	case schema.Timestamp:
		return record.Time(v)
	}
	return record.Text(f.Plan, f.Member, v, record.ISO8601)
}

// exception makes the last message of a stream that failed: a modelled exception where the union has one of that name.
func exception(union *schema.Shape, e *cloud.Error) Message {
	for i := range union.Members {
		m := &union.Members[i]
		if m.Shape.Name == e.Code || m.Shape.Error.Exception && m.Shape.Error.Code == e.Code {
			body := append(jsonbody.AppendString([]byte(`{"message":`), e.Message), '}')
			return Message{[]Header{{":message-type", "exception"}, {":exception-type", m.Name}, {":content-type", "application/json"}}, body}
		}
	}
	return Message{Headers: []Header{{":message-type", "error"}, {":error-code", e.Code}, {":error-message", e.Message}}}
}
