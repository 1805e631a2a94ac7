package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Case is one recorded test.
type Case struct {
	ID         string                     `json:"id"`
	Service    string                     `json:"service"`
	Calls      []Call                     `json:"calls"`
	Snapshot   map[string]json.RawMessage `json:"snapshot"`
	Pairs      []Pair                     `json:"pairs"`
	Transforms []json.RawMessage          `json:"transforms"`
	Unverified []string                   `json:"unverified_paths"`
}

// Call is one request of a case.
type Call struct {
	Service      string          `json:"service"`
	Operation    string          `json:"operation"`
	Params       json.RawMessage `json:"params"`
	Times        int             `json:"times"`
	Region       string          `json:"region"`
	Caller       string          `json:"caller"`
	Protocol     string          `json:"protocol"`
	ExpectsError bool            `json:"expects_error"`
	NotSent      json.RawMessage `json:"not_sent"`
}

// Pair ties what AWS answered to a call.
type Pair struct {
	Call       int             `json:"call"`
	Label      string          `json:"label"`
	LabelPath  []any           `json:"label_path"`
	AnswerPath []any           `json:"answer_path"`
	Expected   json.RawMessage `json:"expected"`
}

// Fault is an expected error.
type Fault struct {
	Code        string         `json:"code"`
	Message     *string        `json:"message"`
	Status      int            `json:"http_status"`
	Members     map[string]any `json:"members"`
	Constraints []string       `json:"constraints"`
}

// fault gives the error that the pair expects; nil when it expects an answer.
func (p *Pair) fault() (*Fault, error) {
	var e struct{ Error *Fault }
	if len(p.Expected) == 0 || p.Expected[0] != '{' {
		return nil, nil
	}
	if err := json.Unmarshal(p.Expected, &e); err != nil || e.Error == nil || e.Error.Code == "" {
		return nil, nil // an answer that merely has a member of that name
	}
	return e.Error, nil
}

// Transform is a replacement that was made in the recorded answers.
type Transform struct {
	Regex       string `json:"regex"`
	Key         string `json:"key"`
	JSONPath    string `json:"jsonpath"`
	Replacement string `json:"replacement"`
	Everywhere  bool   `json:"everywhere"`
}

// Manifest is what the suites share.
type Manifest struct {
	Common map[string][]Transform `json:"common_transforms"`
	Shared map[string][]Transform `json:"shared_transforms"`
}

// ReadManifest reads manifest.json.
func ReadManifest(dir string) (Manifest, error) {
	var m Manifest
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

// ReadCases reads the cases of a service.
func ReadCases(dir, service string) ([]Case, error) {
	f, err := os.Open(filepath.Join(dir, service+".jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Case
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var c Case
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s line %d: %w", service, len(out)+1, err)
		}
		out = append(out, c)
	}
	return out, s.Err()
}

// transforms gives the replacements of a case: the common ones, and its own.
func (m Manifest) transforms(c *Case) ([]Transform, error) {
	out := slices.Clone(m.Common[c.Service])
	for _, raw := range c.Transforms {
		var i int
		if json.Unmarshal(raw, &i) == nil {
			out = append(out, m.Shared[c.Service][i])
			continue
		}
		var t Transform
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
