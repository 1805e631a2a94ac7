package api

import (
	"regexp"
	"slices"
	"strings"
)

// Stand puts this run's values in the place of the recording's in parameters. Values that a test chose itself (names) are the same in both.
// Those that the service made are told by their form, and matched with what our answers brought, in order.
type Stand struct {
	endpoint string
	known    map[string]string // the recording's value -> ours
	seen     []sighting        // what our answers brought
	taken    map[string]bool
	which    int // of the newest receive's handles is meant, from 1; 0: the next
}

// sighting is one text of an answer.
type sighting struct {
	answer     int
	key, value string
	queue      string // whose messages the answer holds
}

// NewStand makes the stand of one case.
func NewStand(endpoint string) *Stand {
	return &Stand{endpoint: endpoint, known: map[string]string{}, taken: map[string]bool{}}
}

const stubEndpoint = "http://endpoint.test"

var (
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	letters = regexp.MustCompile(`^[a-z]{100,}$`)
)

// tokens are the members that hold what only the service makes, whatever its form.
var tokens = []string{"NextToken", "TaskHandle", "Token", "UploadId", "VersionId", "SubscriptionArn", "UUID", "ContinuationToken", "nextToken", "Marker", "ShardIterator"}

// Params gives parameters with our values. handle tells which handle of the newest receive is meant, from 1; 0 is the next.
func (s *Stand) Params(params map[string]any, handle int) map[string]any {
	s.which = handle
	queue, _ := params["QueueUrl"].(string)
	queue = strings.Replace(queue, stubEndpoint, s.endpoint, 1)
	return s.walk("", queue, params).(map[string]any)
}

func (s *Stand) walk(key, queue string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = s.walk(k, queue, e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = s.walk(key, queue, e)
		}
		return out
	case string:
		return s.text(key, queue, v)
	case data:
		return data(s.text(key, queue, string(v)))
	}
	return v
}

func (s *Stand) text(key, queue, v string) string {
	v = strings.ReplaceAll(v, stubEndpoint, s.endpoint)
	if ours, ok := s.known[v]; ok {
		return ours
	}
	ours := v
	switch {
	case key == "ReceiptHandle" && letters.MatchString(v):
		ours = s.handle(queue, v)
	case uuid.MatchString(v):
		ours = s.made(key, v)
	case strings.Contains(v, "/stream/"):
		ours = s.stream(v)
	case slices.Contains(tokens, key) || v == "stub-"+key:
		ours = s.token(key, v)
	}
	if ours != v {
		s.known[v], s.taken[ours] = ours, true
	}
	return ours
}

// handle finds a receipt handle: the first unused one of the newest answer of the queue that has one.
func (s *Stand) handle(queue, v string) string {
	answer, found := -1, []string(nil)
	for _, g := range s.seen {
		if g.key != "ReceiptHandle" || g.queue != queue || s.taken[g.value] {
			continue
		}
		if g.answer > answer {
			answer, found = g.answer, nil
		}
		found = append(found, g.value)
	}
	if i := max(s.which, 1) - 1; i < len(found) {
		return found[i]
	}
	return v
}

// made finds a value with an id that the service made: the first unused one of the same form, for a bare id under the same name.
func (s *Stand) made(key, v string) string {
	form := uuid.ReplaceAllString(v, "*")
	for _, g := range s.seen {
		if !s.taken[g.value] && g.value != v && uuid.ReplaceAllString(g.value, "*") == form && (form != "*" || g.key == key) {
			return g.value
		}
	}
	return v
}

// stream finds the stream of the same table, whose name ends in its time.
func (s *Stand) stream(v string) string {
	table, _, _ := strings.Cut(v, "/stream/")
	for _, g := range slices.Backward(s.seen) {
		if strings.HasPrefix(g.value, table+"/stream/") {
			return g.value
		}
	}
	return v
}

// token finds a value that the service made, by its member's name.
func (s *Stand) token(key, v string) string {
	for _, g := range s.seen {
		if g.value == v {
			return v
		}
	}
	if key == "SubscriptionArn" {
		return v // it has an id
	}
	for _, g := range slices.Backward(s.seen) {
		if !s.taken[g.value] && (g.key == key || g.key == "Next"+key || strings.HasPrefix(g.key, "Next") && strings.HasSuffix(key, "Token")) {
			return g.value
		}
	}
	return v
}

// Learn notes what an answer brought.
func (s *Stand) Learn(params map[string]any, answer any) {
	queue, _ := params["QueueUrl"].(string)
	n := 0
	if len(s.seen) > 0 {
		n = s.seen[len(s.seen)-1].answer + 1
	}
	s.note(n, queue, "", answer)
}

func (s *Stand) note(n int, queue, key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			s.note(n, queue, k, v[k])
		}
	case []any:
		for _, e := range v {
			s.note(n, queue, key, e)
		}
	case string:
		if !slices.ContainsFunc(s.seen, func(g sighting) bool { return g.key == key && g.value == v }) {
			s.seen = append(s.seen, sighting{n, key, v, queue})
		}
	}
}
