package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Matcher compares answers with recorded ones. What a recording could not know is a hole there, such as <resource:1>; the same hole is the
// same text within a case. The zero Matcher knows no holes' values.
type Matcher struct {
	words  map[string]bool   // whole strings that stand for any value
	loose  map[string]bool   // holes that stand for another text each time
	ignore [][]string        // paths that are not compared
	bound  map[string]string // holes with their text
}

// NewMatcher makes the matcher of one case.
func NewMatcher(c *Case, m Manifest) (*Matcher, error) {
	out := &Matcher{
		words: map[string]bool{"timestamp": true, "datetime": true, "date": true},
		loose: map[string]bool{}, bound: map[string]string{"<partition>": "aws"},
	}
	transforms, err := m.transforms(c)
	if err != nil {
		return nil, err
	}
	for _, t := range transforms {
		switch {
		case t.Everywhere:
		case t.Regex == "" && strings.HasPrefix(t.Replacement, "<"):
			out.loose[t.Replacement], out.words[t.Replacement] = true, true
		case t.Regex == "" || !strings.Contains(t.Replacement, "<") && t.Replacement != Recorded:
			out.words[t.Replacement] = true
		}
		if t.Regex == "us-east-1" || t.Regex == "000000000000" && t.Replacement != Recorded {
			out.bound[t.Replacement] = t.Regex
		}
	}
	for _, p := range c.Unverified {
		out.ignore = append(out.ignore, splitPath(p))
	}
	return out, nil
}

// Recorded is the account in recorded answers; ours is Own.
const (
	Recorded = "111111111111"
	Own      = "000000000000"
)

// splitPath takes a JSON path apart: names, and ".." for any depth.
func splitPath(p string) []string {
	p = strings.TrimPrefix(p, "$")
	p = regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(p, "")
	var out []string
	for p != "" {
		if strings.HasPrefix(p, "..") {
			out, p = append(out, ".."), p[2:]
			continue
		}
		p = strings.TrimPrefix(p, ".")
		end := strings.IndexByte(p, '.')
		if end < 0 {
			end = len(p)
		}
		out, p = append(out, strings.Trim(p[:end], `'"`)), p[end:]
	}
	return out
}

// covers tells whether a path pattern names path or something above it. Indices are no part of paths.
func covers(pattern, path []string) bool {
	if len(pattern) == 0 {
		return true
	}
	if pattern[0] == ".." {
		for i := range path {
			if covers(pattern[1:], path[i:]) {
				return true
			}
		}
		return false
	}
	return len(path) > 0 && (pattern[0] == path[0] || pattern[0] == "*") && covers(pattern[1:], path[1:])
}

func (m *Matcher) ignored(path []string) bool {
	return slices.ContainsFunc(m.ignore, func(p []string) bool { return covers(p, path) })
}

// Match compares a value with a recorded one at a path, the first element of which is the label. It gives the first difference, or "". Holes
// are bound only when all matches.
func (m *Matcher) Match(path []string, want, got any) string {
	trial := *m
	trial.bound = maps.Clone(m.bound)
	diff := trial.value(path, want, got)
	if diff == "" {
		m.bound = trial.bound
	}
	return diff
}

func (m *Matcher) value(path []string, want, got any) string {
	if m.ignored(path) {
		return ""
	}
	switch w := want.(type) {
	case map[string]any:
		if g, ok := parsed(got).(map[string]any); ok {
			return m.object(path, w, g)
		}
	case []any:
		if g, ok := parsed(got).([]any); ok {
			return m.list(path, w, g)
		}
	case string:
		return m.text(path, w, got)
	default:
		if want == got {
			return ""
		}
	}
	return m.differ(path, want, got)
}

// parsed reads text that is JSON, as the recording did.
func parsed(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	var out any
	if json.Unmarshal([]byte(s), &out) != nil {
		return v
	}
	return out
}

func (m *Matcher) differ(path []string, want, got any) string {
	w, _ := json.Marshal(want)
	g, _ := json.Marshal(got)
	return fmt.Sprintf("%s: want %s, got %s", strings.Join(path, "."), w, g)
}

func (m *Matcher) object(path []string, want, got map[string]any) string {
	used := map[string]bool{}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		at := append(slices.Clip(path), k)
		if k == "HTTPHeaders" || m.ignored(at) {
			used[k] = true
			continue
		}
		name, ok := m.member(k, got, used)
		if !ok {
			return m.differ(at, want[k], nil)
		}
		used[name] = true
		if diff := m.value(at, want[k], got[name]); diff != "" {
			return diff
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		at := append(slices.Clip(path), k)
		if !used[k] && !m.ignored(at) {
			return m.differ(at, nil, got[k])
		}
	}
	return ""
}

// member finds the member of got that a recorded name, which may have holes, means.
func (m *Matcher) member(name string, got map[string]any, used map[string]bool) (string, bool) {
	if _, ok := got[name]; ok || !strings.Contains(name, "<") {
		return name, ok
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if !used[k] && m.text(nil, name, k) == "" {
			return k, true
		}
	}
	return "", false
}

func (m *Matcher) list(path []string, want, got []any) string {
	if len(want) != len(got) {
		return m.differ(path, want, got)
	}
	if len(path) > 1 && path[len(path)-2] == "Principal" { // a set, which the service keeps in no order
		return m.set(path, want, got)
	}
	for i := range want {
		if diff := m.value(path, want[i], got[i]); diff != "" {
			return diff
		}
	}
	return ""
}

// set compares lists without order.
func (m *Matcher) set(path []string, want, got []any) string {
	got = slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(got, func(g any) bool { return m.Match(path, w, g) == "" })
		if i < 0 {
			return m.differ(path, w, got)
		}
		got = slices.Delete(got, i, i+1)
	}
	return ""
}

const iso = `[1-9]\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?`

var (
	hole   = regexp.MustCompile(`<<[^<>]+>[^<>]*>|<[^<>]+>`)
	repeat = regexp.MustCompile(`^<(.):len\((\d+)\)>$`)
	// anyTime are the holes of times: every time of one form has the same one, whichever it is.
	anyTime = regexp.MustCompile(`^<(?:datetime|timestamp:.*)>$`)
)

// text compares text that may have holes.
func (m *Matcher) text(path []string, want string, got any) string {
	if m.words[want] || want == got {
		return ""
	}
	g, ok := got.(string)
	if !ok {
		if _, nested := got.(map[string]any); nested || hole.FindString(want) != want {
			return m.differ(path, want, got)
		}
		g = fmt.Sprint(got)
	}
	if b, err := base64.StdEncoding.DecodeString(g); err == nil && strings.HasPrefix(want, "b'") && want == python(b) {
		return ""
	}
	re, names := m.pattern(want)
	found := re.FindStringSubmatch(g)
	if found == nil {
		return m.differ(path, m.filled(want), got)
	}
	for i, n := range names {
		if earlier, ok := m.bound[n]; ok && earlier != found[i+1] {
			return m.differ(path, m.filled(want), got)
		}
		m.bound[n] = found[i+1]
	}
	return ""
}

// python writes bytes as the recording's client printed them.
func python(b []byte) string {
	var out strings.Builder
	out.WriteString("b'")
	for _, c := range b {
		switch {
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '\'' || c == '\\':
			out.WriteString("\\" + string(rune(c)))
		case c < 0x20 || c > 0x7e:
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String() + "'"
}

// filled puts what is known into the holes, for messages.
func (m *Matcher) filled(want string) string {
	return hole.ReplaceAllStringFunc(want, func(h string) string {
		if v, ok := m.bound[h]; ok {
			return v
		}
		return h
	})
}

// pattern makes a regular expression of recorded text; names are the holes that it captures.
func (m *Matcher) pattern(want string) (*regexp.Regexp, []string) {
	var b strings.Builder
	var names []string
	at := 0
	literal := func(s string) {
		s = strings.ReplaceAll(regexp.QuoteMeta(s), Recorded, "(?:"+Recorded+"|"+Own+")")
		b.WriteString(strings.ReplaceAll(s, "date", "(?:date|"+iso+")"))
	}
	b.WriteString(`(?s)^`)
	for _, span := range hole.FindAllStringIndex(want, -1) {
		literal(want[at:span[0]])
		h := want[span[0]:span[1]]
		at = span[1]
		if r := repeat.FindStringSubmatch(h); r != nil {
			n, _ := strconv.Atoi(r[2])
			b.WriteString(regexp.QuoteMeta(strings.Repeat(r[1], n)))
			continue
		}
		if v, ok := m.bound[h]; ok {
			b.WriteString(regexp.QuoteMeta(v))
			continue
		}
		if m.loose[h] || anyTime.MatchString(h) {
			b.WriteString(`.*?`)
			continue
		}
		b.WriteString(`(.*?)`)
		names = append(names, h)
	}
	literal(want[at:])
	b.WriteString(`$`)
	return regexp.MustCompile(b.String()), names
}
