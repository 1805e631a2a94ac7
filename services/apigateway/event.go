package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// exchange is one request on its way through an API. front.go fills it from the connection; nothing here knows HTTP's types.
type exchange struct {
	api      *live
	route    *liveRoute
	stage    string
	vars     map[string]string
	method   string
	path     string // below the stage, as it came
	rawPath  string // with the stage
	rawQuery string
	host     string
	protocol string
	ip       string
	agent    string
	id       string
	traceID  string
	header   map[string][]string // canonical names
	body     []byte
	time     time.Time
	identity any // requestContext.authorizer
}

type eventV2 struct {
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
	RequestContext        contextV2         `json:"requestContext"`
	Body                  *string           `json:"body,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	IsBase64Encoded       *bool             `json:"isBase64Encoded,omitempty"`
	StageVariables        map[string]string `json:"stageVariables,omitempty"`
}

type contextV2 struct {
	AccountID    string `json:"accountId"`
	APIID        string `json:"apiId"`
	Authorizer   any    `json:"authorizer,omitempty"`
	DomainName   string `json:"domainName"`
	DomainPrefix string `json:"domainPrefix"`
	HTTP         struct {
		Method    string `json:"method"`
		Path      string `json:"path"`
		Protocol  string `json:"protocol"`
		SourceIP  string `json:"sourceIp"`
		UserAgent string `json:"userAgent"`
	} `json:"http"`
	RequestID string `json:"requestId"`
	RouteKey  string `json:"routeKey"`
	Stage     string `json:"stage"`
	Time      string `json:"time"`
	TimeEpoch int64  `json:"timeEpoch"`
}

// v2 is the event of payload format 2.0 (Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs").
func (x *exchange) v2() eventV2 {
	e := eventV2{
		Version: "2.0", RouteKey: x.route.key.text, RawPath: x.rawPath, RawQueryString: x.rawQuery, Headers: map[string]string{},
		PathParameters: x.vars, StageVariables: x.api.stages[x.stage].StageVariables,
	}
	for n, vs := range x.header {
		if n == "Cookie" {
			for _, v := range vs {
				for c := range strings.SplitSeq(v, "; ") {
					e.Cookies = append(e.Cookies, c)
				}
			}
			continue
		}
		e.Headers[strings.ToLower(n)] = strings.Join(vs, ",")
	}
	for k, vs := range x.query() {
		if e.QueryStringParameters == nil {
			e.QueryStringParameters = map[string]string{}
		}
		e.QueryStringParameters[k] = strings.Join(vs, ",")
	}
	c := &e.RequestContext
	c.AccountID, c.APIID, c.DomainName, c.RequestID, c.RouteKey, c.Stage = x.api.Account, x.api.API, x.host, x.id, e.RouteKey, x.stage
	c.DomainPrefix, _, _ = strings.Cut(x.host, ".")
	c.HTTP.Method, c.HTTP.Path, c.HTTP.Protocol, c.HTTP.SourceIP, c.HTTP.UserAgent = x.method, x.rawPath, x.protocol, x.ip, x.agent
	c.Time, c.TimeEpoch = x.time.UTC().Format("02/Jan/2006:15:04:05 -0700"), x.time.UnixMilli()
	c.Authorizer = x.identity
	return e
}

// payloadV2 is the event with its body.
func (x *exchange) payloadV2() ([]byte, error) {
	e := x.v2()
	body, encoded := x.text()
	e.Body, e.IsBase64Encoded = body, &encoded
	return json.Marshal(e)
}

func (x *exchange) query() url.Values {
	q, err := url.ParseQuery(x.rawQuery)
	if err != nil {
		q = url.Values{} // a query that cannot be parsed stays in rawQueryString
	}
	return q
}

// text gives the body as the event has it: text types as they are, others in base64; nil when there is none.
func (x *exchange) text() (body *string, encoded bool) {
	if len(x.body) == 0 {
		return nil, false
	}
	kind, _, _ := strings.Cut(strings.ToLower(x.first("Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	isText := strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/javascript" || kind == "application/xml" || kind == ""
	if isText && x.first("Content-Encoding") == "" && utf8.Valid(x.body) {
		s := string(x.body)
		return &s, false
	}
	s := base64.StdEncoding.EncodeToString(x.body)
	return &s, true
}

func (x *exchange) first(header string) string {
	if v := x.header[header]; len(v) > 0 {
		return v[0]
	}
	return ""
}

type eventV1 struct {
	Version           string              `json:"version"`
	Type              string              `json:"type,omitempty"`
	MethodArn         string              `json:"methodArn,omitempty"`
	IdentitySource    string              `json:"identitySource,omitempty"`
	Resource          string              `json:"resource"`
	Path              string              `json:"path"`
	HTTPMethod        string              `json:"httpMethod"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	RequestContext    contextV1           `json:"requestContext"`
	PathParameters    map[string]string   `json:"pathParameters"`
	StageVariables    map[string]string   `json:"stageVariables"`
	Body              *string             `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type contextV1 struct {
	AccountID         string         `json:"accountId"`
	APIID             string         `json:"apiId"`
	Authorizer        any            `json:"authorizer,omitempty"`
	DomainName        string         `json:"domainName"`
	DomainPrefix      string         `json:"domainPrefix"`
	ExtendedRequestID string         `json:"extendedRequestId"`
	HTTPMethod        string         `json:"httpMethod"`
	Identity          map[string]any `json:"identity"`
	Path              string         `json:"path"`
	Protocol          string         `json:"protocol"`
	RequestID         string         `json:"requestId"`
	RequestTime       string         `json:"requestTime"`
	RequestTimeEpoch  int64          `json:"requestTimeEpoch"`
	ResourceID        *string        `json:"resourceId"`
	ResourcePath      string         `json:"resourcePath"`
	Stage             string         `json:"stage"`
}

// v1 is the event of payload format 1.0.
func (x *exchange) v1() eventV1 {
	_, resource, _ := strings.Cut(x.route.key.text, " ")
	if x.route.key.fallback {
		resource = "$default"
	}
	e := eventV1{
		Version: "1.0", Resource: resource, Path: x.rawPath, HTTPMethod: x.method, Headers: map[string]string{}, MultiValueHeaders: x.header,
		PathParameters: x.vars, StageVariables: x.api.stages[x.stage].StageVariables,
	}
	for n, vs := range x.header {
		e.Headers[n] = vs[len(vs)-1]
	}
	if q := x.query(); len(q) > 0 {
		e.Query, e.MultiValueQuery = map[string]string{}, q
		for k, vs := range q {
			e.Query[k] = vs[len(vs)-1]
		}
	}
	c := &e.RequestContext
	c.AccountID, c.APIID, c.DomainName, c.RequestID, c.ExtendedRequestID, c.Stage = x.api.Account, x.api.API, x.host, x.id, x.id, x.stage
	c.DomainPrefix, _, _ = strings.Cut(x.host, ".")
	c.HTTPMethod, c.Path, c.Protocol, c.ResourcePath = x.method, x.rawPath, x.protocol, resource
	c.RequestTime, c.RequestTimeEpoch = x.time.UTC().Format("02/Jan/2006:15:04:05 -0700"), x.time.UnixMilli()
	c.Identity = map[string]any{"sourceIp": x.ip, "userAgent": x.agent, "accessKey": nil, "accountId": nil, "caller": nil, "user": nil, "userArn": nil}
	c.Authorizer = x.identity
	return e
}

func (x *exchange) payloadV1() ([]byte, error) {
	e := x.v1()
	e.Body, e.IsBase64Encoded = x.text()
	return json.Marshal(e)
}

// arn is the execute-api ARN of the request, which invocations and authorisers see.
func (x *exchange) arn() string {
	path := x.path
	if x.route.key.fallback {
		return "arn:aws:execute-api:" + x.api.Region + ":" + x.api.Account + ":" + x.api.API + "/" + x.stage + "/$default"
	}
	return "arn:aws:execute-api:" + x.api.Region + ":" + x.api.Account + ":" + x.api.API + "/" + x.stage + "/" + x.method + path
}
