package apigateway

import (
	"encoding/json"
	"strings"
	"time"

	"sundog/lang/httpevent"
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

// request is the exchange as payload format 2.0 knows it.
func (x *exchange) request() *httpevent.Request {
	return &httpevent.Request{
		Account: x.api.Account, API: x.api.API, RouteKey: x.route.key.Text, Stage: x.stage, Method: x.method, Path: x.rawPath, RawQuery: x.rawQuery, Host: x.host,
		Protocol: x.protocol, SourceIP: x.ip, UserAgent: x.agent, ID: x.id, Time: x.time, Header: x.header, Body: x.body, Authorizer: x.identity,
		PathParameters: x.vars, StageVariables: x.api.stages[x.stage].StageVariables,
	}
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
	_, resource, _ := strings.Cut(x.route.key.Text, " ")
	if x.route.key.Fallback {
		resource = "$default"
	}
	e := eventV1{
		Version: "1.0", Resource: resource, Path: x.rawPath, HTTPMethod: x.method, Headers: map[string]string{}, MultiValueHeaders: x.header,
		PathParameters: x.vars, StageVariables: x.api.stages[x.stage].StageVariables,
	}
	for n, vs := range x.header {
		e.Headers[n] = vs[len(vs)-1]
	}
	if q := httpevent.Query(x.rawQuery); len(q) > 0 {
		e.Query, e.MultiValueQuery = map[string]string{}, q
		for k, vs := range q {
			e.Query[k] = vs[len(vs)-1]
		}
	}
	c := &e.RequestContext
	c.AccountID, c.APIID, c.DomainName, c.RequestID, c.ExtendedRequestID, c.Stage = x.api.Account, x.api.API, x.host, x.id, x.id, x.stage
	c.DomainPrefix, _, _ = strings.Cut(x.host, ".")
	c.HTTPMethod, c.Path, c.Protocol, c.ResourcePath = x.method, x.rawPath, x.protocol, resource
	c.RequestTime, c.RequestTimeEpoch = x.time.UTC().Format(httpevent.TimeFormat), x.time.UnixMilli()
	c.Identity = map[string]any{"sourceIp": x.ip, "userAgent": x.agent, "accessKey": nil, "accountId": nil, "caller": nil, "user": nil, "userArn": nil}
	c.Authorizer = x.identity
	return e
}

// payload is the event in the format of the route's integration.
func (x *exchange) payload() ([]byte, error) {
	if x.route.payload != "1.0" {
		return x.request().Payload()
	}
	e := x.v1()
	e.Body, e.IsBase64Encoded = httpevent.Text(x.header, x.body)
	return json.Marshal(e)
}

// arn is the execute-api ARN of the request, which invocations and authorisers see.
func (x *exchange) arn() string {
	path := x.path
	if x.route.key.Fallback {
		return "arn:aws:execute-api:" + x.api.Region + ":" + x.api.Account + ":" + x.api.API + "/" + x.stage + "/$default"
	}
	return "arn:aws:execute-api:" + x.api.Region + ":" + x.api.Account + ":" + x.api.API + "/" + x.stage + "/" + x.method + path
}
