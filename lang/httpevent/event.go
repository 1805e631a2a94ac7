package httpevent

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is what an event is made of. Header has canonical names.
type Request struct {
	Account, API, RouteKey, Stage  string
	Method, Path, RawQuery         string // Path with the stage, as it came
	Host, Prefix                   string // Prefix: what the domain's first label is, if not Host's; ""
	Protocol, SourceIP, UserAgent  string
	ID                             string
	Time                           time.Time
	Header                         map[string][]string
	Body                           []byte
	Authorizer                     any // requestContext.authorizer; nil: none
	PathParameters, StageVariables map[string]string
}

// Event is the event of payload format 2.0.
type Event struct {
	Version               string            `json:"version"`
	Type                  string            `json:"type,omitempty"` // authorizers: REQUEST
	RouteArn              string            `json:"routeArn,omitempty"`
	IdentitySource        []string          `json:"identitySource,omitempty"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        Context           `json:"requestContext"`
	Body                  *string           `json:"body,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	IsBase64Encoded       *bool             `json:"isBase64Encoded,omitempty"`
	StageVariables        map[string]string `json:"stageVariables,omitempty"`
}

// Context is an event's requestContext.
type Context struct {
	AccountID    string `json:"accountId"`
	APIID        string `json:"apiId"`
	Authorizer   any    `json:"authorizer,omitempty"`
	DomainName   string `json:"domainName"`
	DomainPrefix string `json:"domainPrefix"`
	HTTP         HTTP   `json:"http"`
	RequestID    string `json:"requestId"`
	RouteKey     string `json:"routeKey"`
	Stage        string `json:"stage"`
	Time         string `json:"time"`
	TimeEpoch    int64  `json:"timeEpoch"`
}

// HTTP is the request line and the client of a Context.
type HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// TimeFormat is how events and access logs write times.
const TimeFormat = "02/Jan/2006:15:04:05 -0700"

// Event gives the event without its body.
func (r *Request) Event() Event {
	e := Event{
		Version: "2.0", RouteKey: r.RouteKey, RawPath: r.Path, RawQueryString: r.RawQuery, Headers: map[string]string{},
		PathParameters: r.PathParameters, StageVariables: r.StageVariables,
	}
	e.Cookies, e.QueryStringParameters = r.cookies(), r.query()
	for n, vs := range r.Header {
		if n != "Cookie" {
			e.Headers[strings.ToLower(n)] = strings.Join(vs, ",")
		}
	}
	e.RequestContext = Context{
		AccountID: r.Account, APIID: r.API, Authorizer: r.Authorizer, DomainName: r.Host, DomainPrefix: r.prefix(), RequestID: r.ID, RouteKey: r.RouteKey, Stage: r.Stage,
		HTTP: HTTP{Method: r.Method, Path: r.Path, Protocol: r.Protocol, SourceIP: r.SourceIP, UserAgent: r.UserAgent},
		Time: r.Time.UTC().Format(TimeFormat), TimeEpoch: r.Time.UnixMilli(),
	}
	return e
}

// cookies are the request's, one by one; nil without any.
func (r *Request) cookies() (all []string) {
	for _, v := range r.Header["Cookie"] {
		for c := range strings.SplitSeq(v, "; ") {
			all = append(all, c)
		}
	}
	return all
}

// query is the request's query, the values of a name in one text; nil when it is empty.
func (r *Request) query() map[string]string {
	if r.RawQuery == "" {
		return nil
	}
	var all map[string]string
	for k, vs := range Query(r.RawQuery) {
		if all == nil {
			all = map[string]string{}
		}
		all[k] = strings.Join(vs, ",")
	}
	return all
}

func (r *Request) prefix() string {
	if r.Prefix != "" {
		return r.Prefix
	}
	label, _, _ := strings.Cut(r.Host, ".")
	return label
}

// Query reads a query; one that cannot be parsed has no values.
func Query(raw string) url.Values {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return url.Values{}
	}
	return q
}

// Text gives a body as events have it: text types as they are, others in base64; nil when there is none. header has canonical names.
func Text(header map[string][]string, body []byte) (text *string, encoded bool) {
	if len(body) == 0 {
		return nil, false
	}
	if isText(header, body) {
		s := string(body)
		return &s, false
	}
	s := base64.StdEncoding.EncodeToString(body)
	return &s, true
}

// isText tells whether events have a body as it is.
func isText(header map[string][]string, body []byte) bool {
	kind, _, _ := strings.Cut(strings.ToLower(first(header, "Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	known := strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/javascript" || kind == "application/xml" || kind == ""
	return known && first(header, "Content-Encoding") == "" && utf8.Valid(body)
}

func first(header map[string][]string, name string) string {
	if v := header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
