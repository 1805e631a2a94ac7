//go:build suites

package wiretest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/all"
	"sundog/tools/apigen/model"
)

// suite is one element of a file: a small model with cases.
type suite struct {
	Description string                     `json:"description"`
	Metadata    json.RawMessage            `json:"metadata"`
	Shapes      map[string]json.RawMessage `json:"shapes"`
	Cases       []kase                     `json:"cases"`
}

type kase struct {
	ID         string          `json:"id"`
	Given      json.RawMessage `json:"given"`
	Params     any             `json:"params"`
	Serialized struct {
		Method  string            `json:"method"`
		URI     string            `json:"uri"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
	} `json:"serialized"`
	Result   any `json:"result"`
	Response struct {
		Status  int               `json:"status_code"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
	} `json:"response"`
	Error        map[string]any `json:"error"`
	ErrorCode    string         `json:"errorCode"`
	ErrorMessage string         `json:"errorMessage"`
}

// test is a case ready to run.
type test struct {
	kase
	id       string
	op       *schema.Operation
	protocol wire.Protocol
}

// root finds the folder of the suites beside the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "suites", "protocols", "botocore")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above")
		}
	}
}

// load reads the cases of a direction ("input" or "output").
func load(t *testing.T, direction string) []test {
	t.Helper()
	var out []test
	for _, folder := range []string{direction, "legacy/" + direction} {
		files, err := filepath.Glob(filepath.Join(root(t), folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no cases in %s: %v", folder, err)
		}
		for _, f := range files {
			out = append(out, loadFile(t, folder, f)...)
		}
	}
	return out
}

func loadFile(t *testing.T, folder, file string) []test {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var suites []suite
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&suites); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var out []test
	name := folder + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
	for i, s := range suites {
		for j, c := range s.Cases {
			id := fmt.Sprintf("%s/%d.%d", name, i, j)
			if c.ID != "" {
				id = name + "/" + c.ID
			}
			op, err := s.operation(c)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			out = append(out, test{kase: c, id: id, op: op, protocol: all.Protocol(op.Service.Protocols[0])})
		}
	}
	return out
}

// operation makes the case's operation by way of the generator's reader and the schema's table.
func (s suite) operation(c kase) (*schema.Operation, error) {
	var given struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(c.Given, &given); err != nil {
		return nil, err
	}
	doc, err := json.Marshal(map[string]any{
		"metadata": s.Metadata, "shapes": s.Shapes, "operations": map[string]json.RawMessage{given.Name: c.Given},
	})
	if err != nil {
		return nil, err
	}
	m, err := model.Parse(doc)
	if err != nil {
		return nil, err
	}
	table, err := m.Table([]string{given.Name})
	if err != nil {
		return nil, err
	}
	md := m.Metadata
	svc := &schema.Service{
		ID: "test", ServiceID: md.ServiceID, APIVersion: md.APIVersion, TargetPrefix: md.TargetPrefix, JSONVersion: md.JSONVersion,
		XMLNamespace: md.XMLNamespace.URI, Protocols: []string{md.Protocol}, QueryCode: md.AWSQueryCompatible != nil, Table: table,
	}
	if err := svc.Check(); err != nil {
		return nil, err
	}
	return svc.Operation(given.Name), nil
}

// bytesOf gives a body; those of the CBOR files are in base64.
func (c test) bytesOf(body *string) []byte {
	if body == nil {
		return nil
	}
	if c.protocol != nil && c.protocol.Name() == wire.CBOR {
		if b, err := base64.StdEncoding.DecodeString(*body); err == nil {
			return b
		}
	}
	return []byte(*body)
}
