// Package model reads the API models that AWS publishes in the botocore package (service-2.json) and writes the compact tables
// of cloud/schema. It takes no documentation text.
package model

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Service is a service-2.json file, as far as it is used.
type Service struct {
	Metadata   Metadata             `json:"metadata"`
	Operations map[string]Operation `json:"operations"`
	Shapes     map[string]*Shape    `json:"shapes"`
}

// Metadata is the head of a model.
type Metadata struct {
	APIVersion         string    `json:"apiVersion"`
	EndpointPrefix     string    `json:"endpointPrefix"`
	GlobalEndpoint     string    `json:"globalEndpoint"`
	JSONVersion        string    `json:"jsonVersion"`
	Protocol           string    `json:"protocol"`
	Protocols          []string  `json:"protocols"`
	ServiceFullName    string    `json:"serviceFullName"`
	ServiceID          string    `json:"serviceId"`
	SigningName        string    `json:"signingName"`
	TargetPrefix       string    `json:"targetPrefix"`
	XMLNamespace       XMLSpace  `json:"xmlNamespace"`
	AWSQueryCompatible *struct{} `json:"awsQueryCompatible"`
}

// XMLSpace is a namespace: a text, or an object with prefix and uri.
type XMLSpace struct {
	Prefix string `json:"prefix"`
	URI    string `json:"uri"`
}

// UnmarshalJSON reads either form.
func (x *XMLSpace) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		return json.Unmarshal(b, &x.URI)
	}
	type plain XMLSpace
	return json.Unmarshal(b, (*plain)(x))
}

// Operation is one operation of a model.
type Operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
		Status int    `json:"responseCode"`
	} `json:"http"`
	Input  *Ref  `json:"input"`
	Output *Ref  `json:"output"`
	Errors []Ref `json:"errors"`

	AuthType        string   `json:"authtype"`
	Auth            []string `json:"auth"`
	UnsignedPayload bool     `json:"unsignedPayload"`
	ChecksumOld     bool     `json:"httpChecksumRequired"`
	Checksum        struct {
		Required bool   `json:"requestChecksumRequired"`
		Member   string `json:"requestAlgorithmMember"`
		Answer   string `json:"requestValidationModeMember"`
	} `json:"httpChecksum"`
	Endpoint struct {
		HostPrefix string `json:"hostPrefix"`
	} `json:"endpoint"`
	Deprecated bool `json:"deprecated"`
}

// Ref is a use of a shape: a member, an element, an operation's input.
type Ref struct {
	Shape           string    `json:"shape"`
	Location        string    `json:"location"`
	LocationName    string    `json:"locationName"`
	QueryName       string    `json:"queryName"`
	ResultWrapper   string    `json:"resultWrapper"`
	XMLNamespace    *XMLSpace `json:"xmlNamespace"`
	XMLAttribute    bool      `json:"xmlAttribute"`
	Flattened       bool      `json:"flattened"`
	Streaming       bool      `json:"streaming"`
	JSONValue       bool      `json:"jsonvalue"`
	Idempotency     bool      `json:"idempotencyToken"`
	EventPayload    bool      `json:"eventpayload"`
	EventHeader     bool      `json:"eventheader"`
	TimestampFormat string    `json:"timestampFormat"`
	QueryTag        string    `json:"queryTag"`       // of the overlays
	QueryFlattened  bool      `json:"queryFlattened"` // of the overlays
}

// Shape is a type of a model. Members keep their order.
type Shape struct {
	Type            string    `json:"type"`
	Members         Members   `json:"members"`
	Required        []string  `json:"required"`
	Member          *Ref      `json:"member"`
	Key             *Ref      `json:"key"`
	Value           *Ref      `json:"value"`
	Payload         string    `json:"payload"`
	Location        string    `json:"location"` // of members, in older models
	LocationName    string    `json:"locationName"`
	XMLNamespace    *XMLSpace `json:"xmlNamespace"`
	XMLOrder        []string  `json:"xmlOrder"`
	Enum            []string  `json:"enum"`
	Pattern         string    `json:"pattern"`
	Min             *float64  `json:"min"`
	Max             *float64  `json:"max"`
	TimestampFormat string    `json:"timestampFormat"`
	Flattened       bool      `json:"flattened"`
	Sparse          bool      `json:"sparse"`
	NotNull         bool      `json:"notNull"` // of the overlays
	Union           bool      `json:"union"`
	Document        bool      `json:"document"`
	EventStream     bool      `json:"eventstream"`
	Event           bool      `json:"event"`
	Streaming       bool      `json:"streaming"`
	RequiresLength  bool      `json:"requiresLength"`
	Sensitive       bool      `json:"sensitive"`
	Wrapper         bool      `json:"wrapper"`
	Exception       bool      `json:"exception"`
	Fault           bool      `json:"fault"`
	Error           *struct {
		Code   string `json:"code"`
		Status int    `json:"httpStatusCode"`
		Sender bool   `json:"senderFault"`
		Fault  bool   `json:"fault"`
	} `json:"error"`
}

// Members are the members of a structure in the order of the file.
type Members []NamedRef

// NamedRef is a member with its name.
type NamedRef struct {
	Name string
	Ref
}

// UnmarshalJSON reads an object and keeps the order of its keys.
func (m *Members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return err
		}
		n := NamedRef{Name: k.(string)}
		if i := m.index(n.Name); i >= 0 {
			n.Ref = (*m)[i].Ref
			if err := d.Decode(&(*m)[i].Ref); err != nil {
				return err
			}
			continue
		}
		if err := d.Decode(&n.Ref); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		*m = append(*m, n)
	}
	return nil
}

func (m Members) index(name string) int {
	for i := range m {
		if m[i].Name == name {
			return i
		}
	}
	return -1
}

// Parse reads a model. Overlays are JSON of the same form, laid over it in order.
func Parse(b []byte, overlays ...[]byte) (*Service, error) {
	s := &Service{}
	for _, doc := range append([][]byte{b}, overlays...) {
		if err := s.lay(doc); err != nil {
			return nil, err
		}
	}
	if len(s.Metadata.Protocols) == 0 {
		s.Metadata.Protocols = []string{s.Metadata.Protocol}
	}
	if s.Metadata.SigningName == "" {
		s.Metadata.SigningName = s.Metadata.EndpointPrefix
	}
	return s, nil
}

func (s *Service) lay(doc []byte) error {
	var raw struct {
		Metadata   json.RawMessage            `json:"metadata"`
		Operations map[string]json.RawMessage `json:"operations"`
		Shapes     map[string]json.RawMessage `json:"shapes"`
	}
	if err := json.Unmarshal(doc, &raw); err != nil {
		return err
	}
	if raw.Metadata != nil {
		if err := json.Unmarshal(raw.Metadata, &s.Metadata); err != nil {
			return err
		}
	}
	if s.Operations == nil {
		s.Operations, s.Shapes = map[string]Operation{}, map[string]*Shape{}
	}
	for name, b := range raw.Operations {
		o := s.Operations[name]
		if err := json.Unmarshal(b, &o); err != nil {
			return fmt.Errorf("operation %s: %w", name, err)
		}
		s.Operations[name] = o
	}
	for name, b := range raw.Shapes {
		if s.Shapes[name] == nil {
			s.Shapes[name] = &Shape{}
		}
		if err := json.Unmarshal(b, s.Shapes[name]); err != nil {
			return fmt.Errorf("shape %s: %w", name, err)
		}
	}
	return nil
}
