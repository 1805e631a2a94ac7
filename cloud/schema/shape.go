package schema

import (
	"context"
	"sync"
)

// Kind is the kind of a shape.
type Kind uint8

// The kinds of shapes.
const (
	Structure Kind = iota
	List
	Map
	String
	Blob
	Boolean
	Integer
	Long
	Float
	Double
	Timestamp
	Document // any JSON
)

var kindNames = [...]string{"structure", "list", "map", "string", "blob", "boolean", "integer", "long", "float", "double", "timestamp", "document"}

// String gives the kind's name in the API models.
func (k Kind) String() string { return kindNames[k] }

// ParseKind gives the kind of a name in the API models.
func ParseKind(s string) (Kind, bool) {
	for i, n := range kindNames {
		if n == s {
			return Kind(i), true
		}
	}
	return 0, false
}

// Scalar tells whether values of the kind have no parts.
func (k Kind) Scalar() bool { return k >= String && k <= Timestamp }

// Location says where in the HTTP message a member travels.
type Location uint8

// The locations of members.
const (
	Body Location = iota
	Header
	Headers // a map: all headers with the wire name as prefix
	Query
	URI
	StatusCode
	HostLabel
)

// XMLName is an element's name and namespace; Prefix is that of the namespace's declaration.
type XMLName struct{ Local, Namespace, Prefix string }

// ErrorTrait is what an error shape says of its code and status.
type ErrorTrait struct {
	Exception bool
	Code      string // as in query and rest-xml answers; the shape's name when the model gives none
	Status    int    // 0: the model gives none
	Sender    bool   // the client's fault
	Fault     bool   // the server's fault
}

// Shape is a type of an API model. Shapes are shared and read-only; they may refer to themselves.
type Shape struct {
	Name    string
	Kind    Kind
	Members []Member // of a structure, in the model's order
	Elem    *Member  // of a list, and the value of a map
	Key     *Member  // of a map
	Payload *Member  // the member of a structure that is the HTTP body
	Error   ErrorTrait
	XML     XMLName  // of the shape itself, when it is a payload or a list's element
	Enum    []string // the values that a string may have
	Pattern string   // a regular expression as Java writes them
	Min     float64  // length or value
	Max     float64
	HasMin  bool
	HasMax  bool

	TimeFormat     string // iso8601, unixTimestamp, rfc822 or ""
	Flattened      bool
	Sparse         bool // elements may be null
	NotNull        bool // answers say that elements must not be null
	Union          bool // one member is set
	EventStream    bool // a union of events
	Event          bool
	Streaming      bool
	RequiresLength bool
	Sensitive      bool
	Wrapper        bool
	XMLOrder       []string // order of the child elements; nil: the members'

	plans sync.Map // for the codecs: compiled plans by Go type
}

// Plans holds what codecs compile of this shape, by Go type.
func (s *Shape) Plans() *sync.Map { return &s.plans }

// Member is a member of a structure, the element of a list, or the key or value of a map.
type Member struct {
	Name           string // in the model
	Wire           string // locationName, or Name
	QueryName      string // of the ec2 protocol, or ""
	Shape          *Shape
	Location       Location
	Required       bool
	Renamed        bool // the model gives a locationName
	Flattened      bool
	XMLAttribute   bool
	XML            XMLName // namespace of the element
	TimeFormat     string
	JSONValue      bool // a JSON text in a header (in base64) or body (as text)
	Streaming      bool
	Idempotency    bool // the client fills it with a random token
	EventPayload   bool
	EventHeader    bool
	QueryTag       string // query protocol: name where it differs from Wire (the older models of services that moved to json)
	QueryFlattened bool   // query protocol: flattened, though it is not elsewhere
}

// GoName is the name of the generated field.
func (m *Member) GoName() string { return GoName(m.Name) }

// GoName gives the field name of a member's name: its first letter upper-cased; characters that Go does not allow are left out.
func GoName(name string) string {
	b := make([]byte, 0, len(name)+1)
	up := true
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '-' || c == '.' || c == ' ' || c == ':' || c == '/':
			up = true
			continue
		case c == '_' && len(b) == 0:
			continue
		case up && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		b = append(b, c)
	}
	return string(b)
}

// Member gives the member of a structure by its name in the model, or nil.
func (s *Shape) Member(name string) *Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}

// EventStream is the Go value of an event stream member of an output. The room makes it; the codec reads and closes it.
type EventStream interface {
	// Next gives the next event: a pointer to the generated union struct with one field set. io.EOF ends the stream; any other
	// error is sent as the stream's exception (an *cloud.Error with its code).
	Next(ctx context.Context) (event any, err error)
	Close() error
}
