package wire

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"sundog/api/catalog"
	"sundog/cloud/schema"
)

// Router finds the operation of a REST request by method, path, query and headers. Its tree is made by the first Match. Safe for
// concurrent use.
type Router struct {
	once    sync.Once
	operate func() []*schema.Operation
	methods map[string]*node
}

type node struct {
	literal map[string]*node
	label   *node
	here    []*route // routes that end here
	greedy  []*route // routes whose last label takes the rest
}

type route struct {
	op       *schema.Operation
	known    bool      // but not served
	literals []literal // query parameters of the URI
	query    []string  // required members
	headers  []string
}

type literal struct{ key, value string }

// RouterOf makes a router of all operations in a REST service's table.
func RouterOf(s *schema.Service) *Router {
	return &Router{operate: func() []*schema.Operation {
		var ops []*schema.Operation
		for _, name := range s.Operations() {
			ops = append(ops, s.Operation(name))
		}
		return ops
	}}
}

// NewRouter makes a router of some operations of a REST service.
func NewRouter(ops []*schema.Operation) *Router {
	return &Router{operate: func() []*schema.Operation { return ops }}
}

// build makes the tree: of the operations, and of those of the whole API that are not among them, so that their requests are not
// taken for another's.
func (r *Router) build() {
	r.methods = map[string]*node{}
	served := map[string]bool{}
	ops := r.operate()
	for _, op := range ops {
		m := op.Model()
		served[op.Name] = true
		r.method(m.Method).add(newRoute(op), m.URI)
	}
	if len(ops) == 0 {
		return
	}
	svc := ops[0].Service
	for _, k := range catalog.Known(svc) {
		if served[k.Name] {
			continue
		}
		_, query, _ := strings.Cut(k.URI, "?")
		op := &schema.Operation{Name: k.Name, Service: svc}
		r.method(k.Method).add(&route{op: op, known: true, literals: literals(query)}, k.URI)
	}
}

func (r *Router) method(name string) *node {
	if r.methods[name] == nil {
		r.methods[name] = &node{}
	}
	return r.methods[name]
}

func newRoute(op *schema.Operation) *route {
	m := op.Model()
	_, query, _ := strings.Cut(m.URI, "?")
	rt := &route{op: op, literals: literals(query)}
	for _, mem := range m.Input.Members {
		if mem.Required && mem.Location == schema.Query {
			rt.query = append(rt.query, mem.Wire)
		}
		if mem.Required && mem.Location == schema.Header {
			rt.headers = append(rt.headers, mem.Wire)
		}
	}
	return rt
}

func (n *node) add(rt *route, uri string) {
	path, _, _ := strings.Cut(uri, "?")
	for _, seg := range segments(path) {
		if strings.HasSuffix(seg, "+}") {
			n.greedy = append(n.greedy, rt)
			return
		}
		n = n.child(seg)
	}
	n.here = append(n.here, rt)
}

func (n *node) child(seg string) *node {
	if strings.HasPrefix(seg, "{") {
		if n.label == nil {
			n.label = &node{}
		}
		return n.label
	}
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	if n.literal[seg] == nil {
		n.literal[seg] = &node{}
	}
	return n.literal[seg]
}

func literals(query string) []literal {
	var out []literal
	for _, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' }) {
		k, v, _ := strings.Cut(part, "=")
		out = append(out, literal{k, v})
	}
	return out
}

// segments splits a path; a trailing slash makes no segment.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// Match gives the operation of a request, or nil when the API has none such. Operations that the API has but the service's table
// has not are found too: their Served is false. The path is the URL's as the client escaped it; hosts are not looked at.
func (r *Router) Match(req *http.Request) *schema.Operation {
	r.once.Do(r.build)
	root := r.methods[req.Method]
	if root == nil {
		return nil
	}
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/")
	q := &question{values: req.URL.Query(), header: req.Header}
	if rt := root.find(path, q); rt != nil {
		return rt.op
	}
	return nil
}

type question struct {
	values url.Values
	header http.Header
}

// find looks for the rest of a path, literals before labels before greedy labels.
func (n *node) find(path string, q *question) *route {
	if path == "" {
		return best(n.here, q)
	}
	seg, rest, _ := strings.Cut(path, "/")
	if c := n.literal[seg]; c != nil {
		if rt := c.find(rest, q); rt != nil {
			return rt
		}
	} else if plain, err := url.PathUnescape(seg); err == nil && n.literal[plain] != nil {
		if rt := n.literal[plain].find(rest, q); rt != nil {
			return rt
		}
	}
	if n.label != nil && seg != "" {
		if rt := n.label.find(rest, q); rt != nil {
			return rt
		}
	}
	return best(n.greedy, q)
}

// best chooses among routes of one path: most literal query parameters, then most required members that are there; routes with
// required members that are not there only if nothing else is left.
func best(routes []*route, q *question) *route {
	var found *route
	top := -1
	for _, rt := range routes {
		if s := rt.score(q); s > top {
			found, top = rt, s
		}
	}
	return found
}

func (rt *route) score(q *question) int {
	for _, l := range rt.literals {
		have, ok := q.values[l.key]
		if !ok || l.value != "" && (len(have) == 0 || have[0] != l.value) {
			return -1
		}
	}
	if rt.known {
		return len(rt.literals)*1000 + 50
	}
	present, missing := 0, 0
	count := func(ok bool) {
		if ok {
			present++
		} else {
			missing++
		}
	}
	for _, k := range rt.query {
		count(q.values.Has(k))
	}
	for _, k := range rt.headers {
		count(q.header.Get(k) != "")
	}
	if missing > 0 {
		return len(rt.literals)*1000 + 99 - missing
	}
	return len(rt.literals)*1000 + 100 + present
}
