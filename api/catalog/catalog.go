// Package catalog knows what every AWS API is called and which operations it has, so that a request for one that is not served can
// be refused by its name, in the shape of its protocol. It has names only; the types of what is served are in the other folders.
// The data is compressed and read on first use, one service at a time.
package catalog

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"sundog/cloud/schema"
)

//go:embed catalog_gen.bin
var data []byte

// Service is one API of one version.
type Service struct {
	Model          string // folder of the model, such as "rekognition/2016-06-27"
	ServiceID      string
	SigningName    string
	EndpointPrefix string
	TargetPrefix   string
	JSONVersion    string
	Protocols      []string
	APIVersion     string
	XMLNamespace   string

	offset, length int
}

// Operation is one operation. Method and URI are those of REST APIs, "" for others.
type Operation struct{ Name, Method, URI string }

var index = sync.OnceValues(readIndex)

// Services gives all APIs in the order of their folders.
func Services() ([]*Service, error) { return index() }

func readIndex() ([]*Service, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("catalog: no data")
	}
	n := int(binary.BigEndian.Uint32(data))
	if n > len(data)-4 {
		return nil, fmt.Errorf("catalog: broken index")
	}
	text, err := inflate(data[4 : 4+n])
	if err != nil {
		return nil, err
	}
	var out []*Service
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 11 {
			return nil, fmt.Errorf("catalog: broken line %q", line)
		}
		s := &Service{Model: f[0], ServiceID: f[1], SigningName: f[2], EndpointPrefix: f[3], TargetPrefix: f[4], JSONVersion: f[5],
			Protocols: strings.Split(f[6], ","), APIVersion: f[7], XMLNamespace: f[8]}
		if s.offset, err = strconv.Atoi(f[9]); err != nil {
			return nil, err
		}
		if s.length, err = strconv.Atoi(f[10]); err != nil {
			return nil, err
		}
		s.offset += 4 + n
		out = append(out, s)
	}
	return out, nil
}

func inflate(b []byte) (string, error) {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(b)))
	return string(text), err
}

// Operations reads the operations of the service.
func (s *Service) Operations() ([]Operation, error) {
	if s.offset+s.length > len(data) {
		return nil, fmt.Errorf("catalog: broken offset of %s", s.Model)
	}
	text, err := inflate(data[s.offset : s.offset+s.length])
	if err != nil {
		return nil, err
	}
	var out []Operation
	for line := range strings.SplitSeq(text, "\n") {
		name, rest, _ := strings.Cut(line, "\t")
		method, uri, _ := strings.Cut(rest, "\t")
		out = append(out, Operation{Name: name, Method: method, URI: uri})
	}
	return out, nil
}

// Schema gives the service as the codecs' EncodeError wants it: without operations. Its ID is the folder of the model.
func (s *Service) Schema() *schema.Service {
	id, _, _ := strings.Cut(s.Model, "/")
	return &schema.Service{ID: id, ServiceID: s.ServiceID, APIVersion: s.APIVersion, SigningName: s.SigningName, EndpointPrefix: s.EndpointPrefix,
		TargetPrefix: s.TargetPrefix, JSONVersion: s.JSONVersion, XMLNamespace: s.XMLNamespace, Protocols: s.Protocols, Validation: "service"}
}

// ByTarget gives the API whose X-Amz-Target prefix it is, or nil.
func ByTarget(prefix string) *Service {
	return last(func(s *Service) bool { return s.TargetPrefix == prefix && prefix != "" })
}

// ByModel gives the API of a model folder such as "s3/2006-03-01", or nil.
func ByModel(folder string) *Service { return last(func(s *Service) bool { return s.Model == folder }) }

// BySigning gives the APIs that sign with that name; APIs of several versions come oldest first.
func BySigning(name string) []*Service {
	var out []*Service
	all, _ := index()
	for _, s := range all {
		if s.SigningName == name || s.EndpointPrefix == name {
			out = append(out, s)
		}
	}
	return out
}

// Of gives the API of a served service, or nil.
func Of(svc *schema.Service) *Service {
	return last(func(s *Service) bool { return s.ServiceID == svc.ServiceID && s.APIVersion == svc.APIVersion })
}

// Known gives all operations of a served service's API; nil when the catalog does not have it.
func Known(svc *schema.Service) []Operation {
	s := Of(svc)
	if s == nil {
		return nil
	}
	ops, err := s.Operations()
	if err != nil {
		return nil
	}
	return ops
}

// Find gives the operation of a REST request among those of an API by method and path (query parameters that are part of the URI
// must be there), or "".
func (s *Service) Find(method, path string, query func(key string) (string, bool)) string {
	ops, err := s.Operations()
	if err != nil {
		return ""
	}
	best, top := "", -1
	for _, o := range ops {
		if o.Method != method {
			continue
		}
		if n := o.fit(path, query); n > top {
			best, top = o.Name, n
		}
	}
	return best
}

// fit tells how well a path fits the URI: -1 not at all, else more for each literal.
func (o Operation) fit(path string, query func(string) (string, bool)) int {
	pattern, params, _ := strings.Cut(o.URI, "?")
	points := 0
	for part := range strings.SplitSeq(params, "&") {
		if part == "" {
			continue
		}
		key, want, _ := strings.Cut(part, "=")
		have, ok := query(key)
		if !ok || want != "" && have != want {
			return -1
		}
		points += 100
	}
	want, have := segments(pattern), segments(path)
	for i, w := range want {
		switch {
		case strings.HasSuffix(w, "+}") && len(have) > i:
			return points
		case i >= len(have):
			return -1
		case strings.HasPrefix(w, "{"):
		case w == have[i]:
			points++
		default:
			return -1
		}
	}
	if len(have) != len(want) {
		return -1
	}
	return points
}

func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func last(ok func(*Service) bool) *Service {
	all, _ := index()
	for i := len(all) - 1; i >= 0; i-- {
		if ok(all[i]) {
			return all[i]
		}
	}
	return nil
}
