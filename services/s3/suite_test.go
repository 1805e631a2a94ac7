//go:build suites

package s3

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"sundog/cloud"
)

type recorded struct {
	ID    string
	Calls []struct {
		Service, Operation, Region string
		Params                     map[string]any
		StubError                  any  `json:"stub_error"`
		NotSent                    any  `json:"not_sent"`
		Caller                     any  `json:"caller"`
		ExpectsError               bool `json:"expects_error"`
	}
	Snapshot   map[string]any
	Pairs      []recordedPair
	Transforms []any
}

type recordedPair struct {
	Call             int
	Operation, Label string
	Service, Caller  any
	StubValues       any `json:"stub_values"`
	ClientUnknown    any `json:"client_unknown"`
	LabelPath        any `json:"label_path"`
	AnswerPath       any `json:"answer_path"`
	Expected         any
}

func suitePath(name string) string {
	return filepath.Join("..", "..", "..", "shared", "suites", "api", name)
}

// The calls of the recorded tests are replayed in order, as the SDK sends them; answers and errors must be AWS's. Tests that call what is refused,
// other services or raw HTTP are left out.
func TestRecordedAnswers(t *testing.T) {
	expected := expectedToFail(t)
	words := placeholders(t)
	f, err := os.Open(suitePath("s3.jsonl"))
	must(t, 0, err)
	defer f.Close()
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 64<<20)
	passed, seen := 0, 0
	for scan.Scan() {
		var c recorded
		must(t, 0, json.Unmarshal(scan.Bytes(), &c))
		if len(c.Pairs) == 0 || !c.served() {
			continue
		}
		seen++
		var problems []string
		t.Run(c.ID, func(t *testing.T) {
			own := map[string]bool{}
			collect(c.Transforms, own)
			for w := range words {
				own[w] = true
			}
			problems = c.replay(t, own)
		})
		if len(problems) == 0 {
			passed++
		}
		if failed := len(problems) > 0; failed != expected[c.ID] {
			t.Errorf("%s: listed as failing: %v\n  %s", c.ID, expected[c.ID], strings.Join(problems, "\n  "))
		}
	}
	t.Logf("%d of %d", passed, seen)
}

func expectedToFail(t *testing.T) map[string]bool {
	b, err := os.ReadFile(filepath.Join("testdata", "expected-fail.txt"))
	must(t, 0, err)
	out := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if id, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); id != "" && !strings.HasPrefix(id, "#") {
			out[id] = true
		}
	}
	return out
}

// placeholders are the words that stand for a value.
func placeholders(t *testing.T) map[string]bool {
	b, err := os.ReadFile(suitePath("manifest.json"))
	must(t, 0, err)
	var m struct {
		Shared map[string]any `json:"shared_transforms"`
	}
	must(t, 0, json.Unmarshal(b, &m))
	out := map[string]bool{"datetime": true, "date": true, "timestamp": true, "i-d": true}
	collect(m.Shared["s3"], out)
	return out
}

func collect(v any, out map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			collect(x, out)
		}
	case map[string]any:
		if s, ok := v["replacement"].(string); ok {
			out[s] = true
		}
		for _, x := range v {
			collect(x, out)
		}
	}
}

func (c *recorded) served() bool {
	for _, call := range c.Calls {
		if _, no := refused[call.Operation]; no || call.Service != service || call.StubError != nil || call.NotSent != nil || call.Caller != nil {
			return false
		}
	}
	return true
}

// player replays one test.
type player struct {
	*bench
	ids map[string]map[string]string // kind and key -> the recording's id -> ours
	new map[string][]string          // kind and key -> our ids in order
}

func (c *recorded) replay(t *testing.T, words map[string]bool) (problems []string) {
	p := &player{bench: start(t), ids: map[string]map[string]string{}, new: map[string][]string{}}
	answers := map[int]any{}
	for i, call := range c.Calls {
		out, err := p.call(call.Operation, call.Region, call.Params)
		if err != nil {
			answers[i] = cloud.AsError(err)
		} else {
			answers[i] = out
		}
		if err != nil && !call.ExpectsError && cloud.AsError(err).Kind != cloud.NotFound { // fixtures look for what may be absent
			problems = append(problems, fmt.Sprintf("call %d %s: %v", i, call.Operation, err))
		}
	}
	for _, pair := range c.Pairs {
		if pair.Service != nil || pair.Caller != nil || pair.StubValues != nil || pair.ClientUnknown != nil || pair.LabelPath != nil || pair.AnswerPath != nil {
			continue
		}
		want := pair.Expected
		if want == nil {
			want = c.Snapshot[pair.Label]
		}
		for _, d := range judge(answers[pair.Call], want, words) {
			problems = append(problems, fmt.Sprintf("%s (%s): %s", pair.Label, pair.Operation, d))
		}
	}
	return problems
}

// call sends one call with what the SDK adds.
func (p *player) call(name, region string, params map[string]any) (any, error) {
	ops := p.r.operations()
	i := slices.IndexFunc(ops, func(o cloud.Operation) bool { return o.Name == name })
	if i < 0 {
		return nil, cloud.NotImplementedf("%s", name)
	}
	if region == "" {
		region = usEast
	}
	call := cloud.CallFrom(p.ctx)
	call.Scope.Region = region
	ctx := cloud.WithCall(context.Background(), call)
	in := ops[i].New()
	v := reflect.ValueOf(in).Elem()
	plain, _ := p.plain(name, params, params).(map[string]any)
	if body, ok := plain["Body"]; ok {
		delete(plain, "Body")
		if f := v.FieldByName("Body"); f.IsValid() {
			f.Set(reflect.ValueOf(strings.NewReader(fmt.Sprint(body))))
		}
	}
	if m, ok := plain["CopySource"].(map[string]any); ok {
		s := fmt.Sprintf("%v/%v", m["Bucket"], m["Key"])
		if id, ok := m["VersionId"]; ok {
			s += "?versionId=" + fmt.Sprint(id)
		}
		plain["CopySource"] = s
	}
	b, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, in); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	sdk(name, v, plain)
	if ops[i].Access != nil {
		if _, err := ops[i].Access(ctx, in); err != nil {
			return nil, err
		}
	}
	out, err := ops[i].Call(ctx, in)
	if err == nil {
		p.note(params, out)
	}
	return out, err
}

// sdk adds what the SDK sends unasked.
func sdk(name string, v reflect.Value, plain map[string]any) {
	set := func(field, value string) {
		if f := v.FieldByName(field); f.IsValid() && f.IsNil() {
			f.Set(reflect.ValueOf(&value))
		}
	}
	if name == "GetObject" {
		set("ChecksumMode", "ENABLED")
	}
	if name == "PutObject" || name == "UploadPart" {
		for k := range plain {
			if strings.HasPrefix(k, "Checksum") {
				return
			}
		}
		set("ChecksumAlgorithm", "CRC32")
	}
}

// plain undoes the recording's forms of values, and puts our ids in place of the recording's.
func (p *player) plain(name string, params map[string]any, v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = p.plain(name, params, v[i])
		}
		return out
	case map[string]any:
		if s, ok := v["$text"]; ok {
			return p.plain(name, params, s)
		}
		if s, ok := v["$time"].(string); ok {
			if !regexp.MustCompile(`(Z|[+-]\d\d:\d\d)$`).MatchString(s) {
				s += "Z"
			}
			return s
		}
		if s, ok := v["$base64"].(string); ok {
			b, _ := base64.StdEncoding.DecodeString(s)
			return string(b)
		}
		if s, ok := v["$repeat"].(string); ok {
			then, _ := v["then"].(string)
			return strings.Repeat(s, int(v["length"].(float64))/max(len(s), 1)+1)[:int(v["length"].(float64))] + then
		}
		if n, ok := v["$bytes"].(float64); ok {
			return strings.Repeat("\x00", int(n))
		}
		out := map[string]any{}
		for k, x := range v {
			if s, ok := x.(string); ok && (k == "VersionId" || k == "UploadId") {
				key, _ := v["Key"].(string)
				if key == "" {
					key, _ = params["Key"].(string)
				}
				out[k] = p.own(k+" "+key, s)
				continue
			}
			out[k] = p.plain(name, params, x)
		}
		return out
	}
	return v
}

// own gives our id for the recording's: the first of ours for the key that it does not name yet.
func (p *player) own(kind, id string) string {
	if ours, ok := p.ids[kind][id]; ok {
		return ours
	}
	if len(id) < 32 || len(p.new[kind]) == 0 {
		return id
	}
	if p.ids[kind] == nil {
		p.ids[kind] = map[string]string{}
	}
	p.ids[kind][id] = p.new[kind][0]
	p.new[kind] = p.new[kind][1:]
	return p.ids[kind][id]
}

// note remembers the ids that a call made.
func (p *player) note(params map[string]any, out any) {
	v := reflect.ValueOf(out).Elem()
	key, _ := params["Key"].(string)
	for _, k := range []string{"VersionId", "UploadId"} {
		f := v.FieldByName(k)
		if !f.IsValid() || f.IsNil() || f.Elem().String() == null || params[k] != nil {
			continue
		}
		if name := v.Type().Name(); strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "Head") || k == "UploadId" && !strings.HasPrefix(name, "Create") {
			continue
		}
		p.new[k+" "+key] = append(p.new[k+" "+key], f.Elem().String())
	}
}

// judge compares an answer with AWS's.
func judge(got, want any, words map[string]bool) []string {
	w, ok := want.(map[string]any)
	if !ok {
		return nil
	}
	if e, ok := w["error"].(map[string]any); ok {
		return judgeError(got, e)
	}
	if e, ok := w["Error"].(map[string]any); ok {
		m := map[string]any{"code": e["Code"], "message": e["Message"]}
		return judgeError(got, m)
	}
	if e, ok := got.(*cloud.Error); ok {
		return []string{e.Error()}
	}
	if body := reflect.ValueOf(got).Elem().FieldByName("Body"); body.IsValid() && !body.IsNil() {
		b, err := io.ReadAll(body.Interface().(io.Reader))
		if s, _ := w["Body"].(string); err == nil && s != "" && s != string(b) && !hole(s) {
			return []string{fmt.Sprintf("body %q, want %q", b, s)}
		}
		body.SetZero()
	}
	b, err := json.Marshal(got)
	if err != nil {
		return []string{err.Error()}
	}
	var g any
	_ = json.Unmarshal(b, &g)
	delete(w, "ResponseMetadata")
	delete(w, "EncodingType") // the SDK asks for it and undoes it
	if m, ok := g.(map[string]any); ok {
		delete(m, "EncodingType")
		if meta, ok := m["Metadata"].(map[string]any); ok { // headers have no case
			m["Metadata"] = map[string]any{}
			for k, v := range meta {
				m["Metadata"].(map[string]any)[strings.ToLower(k)] = v
			}
		}
	}
	delete(w, "Body")
	return compare("", prune(g), w, words)
}

func judgeError(got any, want map[string]any) []string {
	e, ok := got.(*cloud.Error)
	if !ok {
		return []string{fmt.Sprintf("no error, want %v", want["code"])}
	}
	code, _ := want["code"].(string)
	if regexp.MustCompile(`^\d+$`).MatchString(code) {
		if fmt.Sprint(e.Status) != code {
			return []string{fmt.Sprintf("status %d, want %s", e.Status, code)}
		}
		return nil
	}
	message, _ := want["message"].(string)
	if e.Code != code || !matchHoles(e.Message, message) {
		return []string{fmt.Sprintf("%s: %q, want %s: %q", e.Code, e.Message, code, message)}
	}
	return nil
}

// prune drops what is absent: nulls, and empty lists and maps.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			x = prune(x)
			if list, ok := x.([]any); x == nil || ok && len(list) == 0 {
				delete(v, k)
			} else {
				v[k] = x
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

var holes = regexp.MustCompile(`<[^<>]+>`)

func hole(s string) bool { return holes.MatchString(s) }

func matchHoles(got, want string) bool {
	parts := holes.Split(strings.ReplaceAll(want, "111111111111", "000000000000"), -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(got)
}

func compare(path string, got, want any, words map[string]bool) (out []string) {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		if g == nil && len(w) > 0 {
			if s, ok := got.(string); ok && json.Unmarshal([]byte(s), &g) == nil {
				return compare(path, g, want, words)
			}
		}
		keys := map[string]bool{}
		for k := range w {
			keys[k] = true
		}
		for k := range g {
			keys[k] = true
		}
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range keys {
				if !yield(k) {
					return
				}
			}
		}) {
			_, inG := g[k]
			wv, inW := w[k]
			list, isList := wv.([]any)
			m, isMap := wv.(map[string]any)
			switch {
			case inG && !inW:
				out = append(out, fmt.Sprintf("%s.%s: %v is not expected", path, k, g[k]))
			case !inG && !(wv == nil || isList && len(list) == 0 || isMap && len(m) == 0):
				out = append(out, fmt.Sprintf("%s.%s is missing, want %v", path, k, wv))
			case inG:
				out = append(out, compare(path+"."+k, g[k], wv, words)...)
			}
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			return []string{fmt.Sprintf("%s: %d entries, want %d", path, len(g), len(w))}
		}
		byKey := func(list []any) {
			sort.SliceStable(list, func(i, j int) bool {
				a, _ := list[i].(map[string]any)
				b, _ := list[j].(map[string]any)
				return fmt.Sprint(a["Key"]) < fmt.Sprint(b["Key"])
			})
		}
		if len(w) > 0 && path == ".Deleted" {
			byKey(g)
			byKey(w)
		}
		for i := range w {
			out = append(out, compare(fmt.Sprintf("%s[%d]", path, i), g[i], w[i], words)...)
		}
	case string:
		if words[w] {
			return nil
		}
		if !matchHoles(fmt.Sprint(got), w) {
			out = append(out, fmt.Sprintf("%s: %v, want %v", path, got, w))
		}
	default:
		if fmt.Sprint(got) != fmt.Sprint(want) {
			out = append(out, fmt.Sprintf("%s: %v, want %v", path, got, want))
		}
	}
	return out
}
