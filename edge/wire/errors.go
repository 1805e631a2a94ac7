package wire

import (
	"cmp"
	"net/http"
	"reflect"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// Fault is an error as it goes over the wire.
type Fault struct {
	Shape   *schema.Shape // nil: not in the model
	Name    string        // the shape's name: __type of the JSON protocols
	Code    string        // the code of query and rest-xml
	Message string
	Status  int
	Sender  bool // the client's fault
}

// FaultOf resolves an error against the model: its shape, by name or code, and its status, which is the error's own, else the
// model's, else by kind and protocol. op may be nil.
func FaultOf(protocol string, svc *schema.Service, op *schema.Operation, e *cloud.Error) Fault {
	f := Fault{Name: e.Code, Code: e.Code, Message: e.Message, Status: e.Status}
	if svc.Table != "" {
		var m *schema.Model
		if op != nil {
			m = op.Lookup()
		}
		f.Shape = svc.Error(m, e.Code)
	}
	if f.Shape != nil {
		f.Name, f.Code = f.Shape.Name, f.Shape.Error.Code
		// In services that once spoke query, the model's statuses are those of query.
		if f.Status == 0 && (!svc.QueryCode || protocol == QueryName) {
			f.Status = f.Shape.Error.Status
		}
		if f.Status == 0 && f.Shape.Error.Fault {
			f.Status = http.StatusInternalServerError
		}
	}
	if f.Status == 0 {
		f.Status = Status(protocol, e.Kind)
	}
	if q := e.Query; q != nil {
		f.Code = cmp.Or(q.Code, f.Code)
		if protocol == QueryName {
			f.Message = cmp.Or(q.Message, f.Message)
		}
	}
	f.Sender = f.Status < 500
	return f
}

// Status is the HTTP status of a kind of error in a protocol.
func Status(protocol string, k cloud.ErrorKind) int {
	rest := protocol == RestJSON || protocol == RestXML
	switch {
	case k == cloud.Internal:
		return http.StatusInternalServerError
	case k == cloud.NotImplemented:
		return http.StatusNotImplemented
	case k == cloud.Unavailable:
		return http.StatusServiceUnavailable
	case k == cloud.Denied && (rest || protocol == QueryName):
		return http.StatusForbidden
	case !rest:
		return http.StatusBadRequest
	}
	switch k {
	case cloud.NotFound:
		return http.StatusNotFound
	case cloud.Conflict:
		return http.StatusConflict
	case cloud.Throttled:
		return http.StatusTooManyRequests
	case cloud.TooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// MessageMember is the name of the error shape's message, such as "message" or "Message".
func (f Fault) MessageMember() string {
	if f.Shape != nil {
		for _, m := range f.Shape.Members {
			if strings.EqualFold(m.Name, "message") {
				return m.Wire
			}
		}
	}
	return "message"
}

// Extra is one further member of an error, ready for a codec. Member and Plan are nil when the model does not have it, or when the
// value does not fit the model.
type Extra struct {
	Name   string
	Member *schema.Member
	Plan   *record.Plan
	Value  reflect.Value
}

// Extras gives the error's further members, sorted by name.
func (f Fault) Extras(e *cloud.Error) []Extra {
	var out []Extra
	if len(e.Fields) == 0 {
		return nil
	}
	for _, name := range record.SortedKeys(reflect.ValueOf(e.Fields)) {
		v := reflect.ValueOf(e.Fields[name])
		if !v.IsValid() || record.Absent(v) {
			continue
		}
		x := Extra{Name: name, Value: v}
		if f.Shape != nil {
			if m := f.Shape.Member(name); m != nil && fits(m.Shape, v.Type()) {
				x.Member, x.Name, x.Plan = m, m.Wire, record.For(m.Shape, v.Type())
			}
		}
		out = append(out, x)
	}
	return out
}

// fits tells whether a Go type can hold values of a shape.
func fits(s *schema.Shape, t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch s.Kind {
	case schema.Structure:
		if t.Kind() != reflect.Struct {
			return false
		}
		for i := range s.Members {
			if _, ok := t.FieldByName(s.Members[i].GoName()); !ok {
				return false
			}
		}
		return true
	case schema.List:
		return t.Kind() == reflect.Slice && (fits(s.Elem.Shape, t.Elem()))
	case schema.Map:
		return t.Kind() == reflect.Map && t.Key().Kind() == reflect.String && fits(s.Elem.Shape, t.Elem())
	case schema.String:
		return t.Kind() == reflect.String
	case schema.Boolean:
		return t.Kind() == reflect.Bool
	case schema.Integer, schema.Long:
		return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64
	case schema.Float, schema.Double:
		return t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64
	case schema.Timestamp:
		return t.String() == "time.Time"
	}
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// Malformed is the error for a body that cannot be read, in a protocol's words.
func Malformed(protocol, detail string) *cloud.Error {
	if protocol == RestXML {
		return cloud.Errorf(cloud.Invalid, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema").WithStatus(http.StatusBadRequest)
	}
	if protocol == QueryName {
		return cloud.Errorf(cloud.Invalid, "MalformedInput", "%s", detail).WithStatus(http.StatusBadRequest)
	}
	return cloud.Errorf(cloud.Invalid, "SerializationException", "%s", detail).WithStatus(http.StatusBadRequest)
}

// RequestIDHeader is where the protocols but S3 put the request's id.
const RequestIDHeader = "x-amzn-RequestId"

// RemoteError makes the error of a response: the kind is guessed from the status and code, since responses do not carry it.
func RemoteError(status int, code, message string, fields map[string]any) *cloud.Error {
	return &cloud.Error{Kind: kindOf(status, code), Code: code, Message: message, Status: status, Fields: fields}
}

func kindOf(status int, code string) cloud.ErrorKind {
	switch {
	case status == http.StatusNotImplemented:
		return cloud.NotImplemented
	case status == http.StatusServiceUnavailable:
		return cloud.Unavailable
	case status >= 500:
		return cloud.Internal
	case status == http.StatusTooManyRequests || strings.Contains(code, "Throttl") || strings.Contains(code, "TooManyRequests"):
		return cloud.Throttled
	case status == http.StatusForbidden || strings.HasPrefix(code, "AccessDenied"):
		return cloud.Denied
	case status == http.StatusConflict:
		return cloud.Conflict
	case status == http.StatusRequestEntityTooLarge:
		return cloud.TooLarge
	case status == http.StatusNotFound || strings.Contains(code, "NotFound") || strings.HasPrefix(code, "NoSuch") || strings.Contains(code, "NotExist"):
		return cloud.NotFound
	}
	return cloud.Invalid
}
