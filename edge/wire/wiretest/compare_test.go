//go:build suites

package wiretest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"sundog/edge/wire"
	"sundog/edge/wire/record"
	"sundog/edge/wire/xmlbody"
)

// ownHeaders are headers of a response that carry no member.
var ownHeaders = []string{"content-type", "content-length", "x-amzn-requestid", "x-amz-request-id", "x-amz-crc32", "date"}

func (c test) sameResponse(w *httptest.ResponseRecorder) string {
	if c.Response.Status != 0 && w.Code != c.Response.Status {
		return fmt.Sprintf("status %d, want %d", w.Code, c.Response.Status)
	}
	for k, want := range c.Response.Headers {
		if slices.Contains(ownHeaders, strings.ToLower(k)) {
			continue
		}
		if got := w.Header().Get(k); !sameHeader(got, want) {
			return fmt.Sprintf("header %s: %q, want %q", k, got, want)
		}
	}
	return c.sameBody(w.Body.Bytes())
}

func sameHeader(got, want string) bool {
	squeeze := strings.NewReplacer(" ", "", `"`, "").Replace
	if squeeze(got) == squeeze(want) || sameTime(got, want) {
		return true
	}
	a, err1 := strconv.ParseFloat(got, 64)
	b, err2 := strconv.ParseFloat(want, 64)
	return err1 == nil && err2 == nil && a == b
}

func (c test) sameBody(got []byte) string {
	want := c.bytesOf(c.Response.Body)
	m := c.op.Model()
	if m.Output != nil && m.Output.Payload != nil && m.Output.Payload.Shape.Kind.Scalar() {
		if string(got) != string(want) {
			return fmt.Sprintf("body %q, want %q", got, want)
		}
		return ""
	}
	switch c.protocol.Name() {
	case wire.JSON, wire.RestJSON:
		return sameTree(parseJSON(got), parseJSON(want))
	case wire.CBOR:
		return sameTree(parseCBOR(got), parseCBOR(want))
	}
	return sameTree(c.parseXML(got), c.parseXML(want))
}

func sameTree(got, want any) string {
	if d := tree(got, want, ""); d != "" {
		return d
	}
	return ""
}

// tree tells how two trees differ. Absent and null members are the same.
func tree(got, want any, path string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok && !(got == nil && len(w) == 0) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		for k := range w {
			if d := tree(g[k], w[k], path+"."+k); d != "" {
				return d
			}
		}
		for k := range g {
			if _, ok := w[k]; !ok && g[k] != nil {
				return fmt.Sprintf("%s.%s: got %v, want nothing", path, k, g[k])
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		for i := range w {
			if d := tree(g[i], w[i], fmt.Sprintf("%s[%d]", path, i)); d != "" {
				return d
			}
		}
		return ""
	}
	if reflect.DeepEqual(got, want) || sameText(got, want) {
		return ""
	}
	if m, ok := got.(map[string]any); ok && want == nil && len(m) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: got %v, want %v", path, got, want)
}

func sameTime(got, want string) bool {
	a, err1 := record.ParseTime(got)
	b, err2 := record.ParseTime(want)
	return err1 == nil && err2 == nil && a.Equal(b)
}

func sameText(got, want any) bool {
	if a, ok := got.(string); ok {
		if b, ok := want.(string); ok && sameTime(a, b) {
			return true
		}
	}
	a, err1 := strconv.ParseFloat(fmt.Sprint(got), 64)
	b, err2 := strconv.ParseFloat(fmt.Sprint(want), 64)
	return err1 == nil && err2 == nil && (a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-6*math.Abs(b))
}

func parseJSON(b []byte) any {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	return v
}

func parseCBOR(b []byte) any {
	var v any
	if cbor.Unmarshal(b, &v) != nil {
		return nil
	}
	return stringKeys(v)
}

func stringKeys(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for k, x := range v {
			out[fmt.Sprint(k)] = stringKeys(x)
		}
		return out
	case []any:
		for i := range v {
			v[i] = stringKeys(v[i])
		}
	}
	return v
}

// parseXML makes a tree of elements: children by name, each a list; attributes with "@"; namespaces and the request's id left out.
// The root's name counts only where the model has it.
func (c test) parseXML(b []byte) any {
	n, err := xmlbody.Parse(b)
	if err != nil {
		return nil
	}
	out := c.op.Model().Output
	if c.protocol.Name() == wire.RestXML && out != nil && (out.Payload == nil && out.XML.Local == "" || c.id[:6] == "legacy") {
		return elements(n)
	}
	return map[string]any{n.Name: elements(n)}
}

func elements(n *xmlbody.Node) any {
	out := map[string]any{}
	for _, a := range n.Attrs {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			out["@"+attrName(a)] = a.Value
		}
	}
	for _, k := range n.Kids {
		if k.Name == "ResponseMetadata" || k.Name == "RequestId" || k.Name == "requestId" {
			continue
		}
		list, _ := out[k.Name].([]any)
		out[k.Name] = append(list, elements(k))
	}
	sortEntries(out)
	if len(out) == 0 {
		return strings.TrimSpace(n.Text())
	}
	return out
}

// sortEntries sorts the entries of maps, whose order means nothing.
func sortEntries(out map[string]any) {
	for _, list := range out {
		items, ok := list.([]any)
		if !ok {
			continue
		}
		slices.SortStableFunc(items, func(a, b any) int { return strings.Compare(keyOf(a), keyOf(b)) })
	}
}

// keyOf gives the text of the first child of an entry of two children.
func keyOf(x any) string {
	m, ok := x.(map[string]any)
	if !ok || len(m) != 2 {
		return ""
	}
	return fmt.Sprint(m)
}

func attrName(a xml.Attr) string { return a.Name.Local }

func (c test) sameError(w *httptest.ResponseRecorder) string {
	if w.Code != c.Response.Status {
		return fmt.Sprintf("status %d, want %d", w.Code, c.Response.Status)
	}
	resp := w.Result()
	e := c.protocol.DecodeError(c.op, resp, w.Body.Bytes())
	if q, _, ok := strings.Cut(resp.Header.Get("x-amzn-query-error"), ";"); ok {
		e.Code = q
	}
	if e.Code != c.ErrorCode || e.Message != c.ErrorMessage {
		return fmt.Sprintf("got %s: %s in %s", e.Code, e.Message, w.Body)
	}
	for k, want := range c.Response.Headers {
		lower := strings.ToLower(k)
		if slices.Contains(ownHeaders, lower) || lower == "x-amzn-errortype" {
			continue
		}
		if got := w.Header().Get(k); !sameHeader(got, want) {
			return fmt.Sprintf("header %s: %q, want %q", k, got, want)
		}
	}
	for k, want := range c.Error {
		s := c.op.Service.Error(c.op.Model(), c.ErrorCode)
		if strings.EqualFold(k, "message") || s == nil || s.Member(k) == nil || s.Member(k).Location != 0 {
			continue
		}
		if got := e.Fields[s.Member(k).Wire]; got == nil {
			return fmt.Sprintf("member %s: got nothing, want %v", k, want)
		}
	}
	return ""
}
