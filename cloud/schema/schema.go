// Package schema is the vocabulary of the generated API packages: services, operations and shapes as the published AWS API
// models describe them. A generated package holds one compact text table (table.go has its grammar); the table is read when an
// operation of the service is first used, so that a process start pays for no service that it does not need.
package schema

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Service is one AWS API. Everything that is needed to classify a request is a plain field; the shapes come from Table on first
// use. Safe for concurrent use; a Service is not copied after first use.
type Service struct {
	ID             string   // the folder under api/, such as "sqs"; also what cloud.Operation.Service holds
	ServiceID      string   // AWS's service id, such as "SQS"
	FullName       string   // such as "Amazon Simple Queue Service"
	APIVersion     string   // such as "2012-11-05"
	SigningName    string   // the service in a signature's scope
	EndpointPrefix string   // the first label of the host name
	TargetPrefix   string   // X-Amz-Target is TargetPrefix.Operation; "" outside json
	JSONVersion    string   // "1.0" or "1.1"; "" outside json
	XMLNamespace   string   // of query and rest-xml answers; "" when there is none
	Global         bool     // one endpoint for all regions
	QueryCode      bool     // errors carry x-amzn-query-error (awsQueryCompatible)
	Protocols      []string // json, query, rest-json, rest-xml, smithy-rpc-v2-cbor, cbor, ec2; preferred first
	ErrorPrefix    string   // before the names in __type, such as "com.amazonaws.sqs#"
	Validation     string   // "generic": the wire layer validates in AWS's common wording; "service": the room does it
	Table          string   // the compact table

	once  sync.Once
	model *model
	err   error
}

// Operation names one operation of a service. Model gives the rest.
type Operation struct {
	Name    string
	Service *Service

	cached atomic.Pointer[Model]
}

// Model is what the API model says of an operation. It is shared and read-only.
type Model struct {
	Name         string
	Method       string // HTTP method
	URI          string // with {labels}, {greedy+} labels and literal query parameters
	Status       int    // on success
	Input        *Shape // always a structure; of no members when the operation takes none
	Output       *Shape // always a structure; nil when the model has none
	Errors       []*Shape
	StreamIn     bool // the input's payload is a stream of bytes
	StreamOut    bool // the output's payload is a stream of bytes
	EventsOut    bool // the output's payload is an event stream
	Unsigned     bool // auth type none
	UnsignedBody bool // the payload need not be signed
	// ChecksumRequired: the request must have a Content-MD5 or an x-amz-checksum header. ChecksumMember is the input member that
	// names its algorithm, or "". ChecksumAnswer is the member that asks for the response's checksum, or "".
	ChecksumRequired bool
	ChecksumMember   string
	ChecksumAnswer   string
	HostPrefix       string // label(s) that clients put before the host name
	Deprecated       bool
	InputXML         XMLName // wrapper of a rest-xml request without payload member
	OutputWrapper    string  // resultWrapper of query, "" when there is none
}

// Model reads the service's table if need be. It panics on a broken table or an unknown name, which generated code cannot have.
func (o *Operation) Model() *Model {
	if m := o.cached.Load(); m != nil {
		return m
	}
	sm := o.Service.load()
	m := sm.ops[o.Name]
	if m == nil {
		panic(fmt.Sprintf("schema: %s has no operation %s", o.Service.ID, o.Name))
	}
	o.cached.Store(m)
	return m
}

// Lookup gives the Model, or nil when the service's table does not have the operation.
func (o *Operation) Lookup() *Model { return o.Service.load().ops[o.Name] }

// Served tells whether the service's table has the operation.
func (o *Operation) Served() bool { return o.Lookup() != nil }

// Operation gives the operation of that name, or nil.
func (s *Service) Operation(name string) *Operation {
	if s.load().ops[name] == nil {
		return nil
	}
	return &Operation{Name: name, Service: s}
}

// Operations gives the names of all operations in the model's order.
func (s *Service) Operations() []string { return s.load().names }

// Shape gives the shape of that name, or nil.
func (s *Service) Shape(name string) *Shape {
	for _, sh := range s.load().shapes {
		if sh.Name == name {
			return sh
		}
	}
	return nil
}

// Error gives the error shape with that name or error code, first among those of the operation m (which may be nil), then among
// all of the service. nil: the model has none.
func (s *Service) Error(m *Model, code string) *Shape {
	if m != nil {
		for _, e := range m.Errors {
			if e.Name == code || e.Error.Code == code {
				return e
			}
		}
	}
	return s.load().errors[code]
}

// Speaks tells whether the service has the protocol.
func (s *Service) Speaks(protocol string) bool {
	for _, p := range s.Protocols {
		if p == protocol {
			return true
		}
	}
	return false
}

// Check reads the table and tells whether it is sound.
func (s *Service) Check() error {
	s.once.Do(s.read)
	return s.err
}

func (s *Service) load() *model {
	if err := s.Check(); err != nil {
		panic("schema: " + s.ID + ": " + err.Error())
	}
	return s.model
}

func (s *Service) read() { s.model, s.err = parseTable(s.Table) }
