package schema

import (
	"fmt"
	"strconv"
	"strings"
)

func (r *tableReader) shape(s *Shape, f []string) error {
	if len(f) < 3 {
		return fmt.Errorf("short shape record")
	}
	s.Name = f[1]
	var ok bool
	if s.Kind, ok = ParseKind(f[2]); !ok {
		return fmt.Errorf("unknown kind %q", f[2])
	}
	if want := map[Kind]int{List: 1, Map: 2}[s.Kind]; want != 0 && cap(s.Members) != want {
		return fmt.Errorf("a %s with %d members", s.Kind, cap(s.Members))
	}
	for _, a := range f[3:] {
		if err := s.attribute(a); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shape) attribute(a string) (err error) {
	k, v, _ := strings.Cut(a, "=")
	switch k {
	case "payload":
		s.Payload = &Member{Name: v}
	case "min":
		s.HasMin = true
		s.Min, err = strconv.ParseFloat(v, 64)
	case "max":
		s.HasMax = true
		s.Max, err = strconv.ParseFloat(v, 64)
	case "pattern":
		s.Pattern = v
	case "enum":
		s.Enum = strings.Split(v, "|")
	case "xml":
		s.XML.Local = v
	case "ns":
		s.XML.Prefix, s.XML.Namespace, _ = strings.Cut(v, " ")
	case "time":
		s.TimeFormat = v
	case "order":
		s.XMLOrder = strings.Split(v, "|")
	case "error":
		s.Error.Exception = true
		s.Error.Code = v
	case "status":
		s.Error.Status, err = strconv.Atoi(v)
	default:
		return s.flag(k)
	}
	return err
}

func (s *Shape) flag(k string) error {
	switch k {
	case "sender":
		s.Error.Sender = true
	case "fault":
		s.Error.Fault = true
	case "flat":
		s.Flattened = true
	case "sparse":
		s.Sparse = true
	case "notnull":
		s.NotNull = true
	case "union":
		s.Union = true
	case "events":
		s.EventStream = true
	case "event":
		s.Event = true
	case "stream":
		s.Streaming = true
	case "length":
		s.RequiresLength = true
	case "secret":
		s.Sensitive = true
	case "wrapper":
		s.Wrapper = true
	default:
		return fmt.Errorf("unknown attribute %q", k)
	}
	return nil
}

func (r *tableReader) member(s *Shape, f []string) error {
	if len(f) < 3 {
		return fmt.Errorf("short member record")
	}
	to, err := r.ref(f[2])
	if err != nil || to == nil {
		return fmt.Errorf("member %s: no shape %q", f[1], f[2])
	}
	m := Member{Name: f[1], Wire: f[1], Shape: to}
	for _, a := range f[3:] {
		if err := m.attribute(a); err != nil {
			return err
		}
	}
	s.Members = append(s.Members, m)
	return nil
}

var locations = map[string]Location{"header": Header, "headers": Headers, "querystring": Query, "uri": URI, "statusCode": StatusCode}

func (m *Member) attribute(a string) error {
	k, v, _ := strings.Cut(a, "=")
	switch k {
	case "req":
		m.Required = true
	case "loc":
		l, ok := locations[v]
		if !ok {
			return fmt.Errorf("unknown location %q", v)
		}
		m.Location = l
	case "wire":
		m.Wire, m.Renamed = v, true
	case "ec2":
		m.QueryName = v
	case "ns":
		m.XML.Prefix, m.XML.Namespace, _ = strings.Cut(v, " ")
	case "time":
		m.TimeFormat = v
	case "tag":
		m.QueryTag = v
	default:
		return m.flag(k)
	}
	return nil
}

func (m *Member) flag(k string) error {
	switch k {
	case "flat":
		m.Flattened = true
	case "tagflat":
		m.QueryFlattened = true
	case "attr":
		m.XMLAttribute = true
	case "json":
		m.JSONValue = true
	case "stream":
		m.Streaming = true
	case "token":
		m.Idempotency = true
	case "eventpayload":
		m.EventPayload = true
	case "eventheader":
		m.EventHeader = true
	default:
		return fmt.Errorf("unknown attribute %q", k)
	}
	return nil
}
