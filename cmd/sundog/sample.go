package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sundog/lang/httpevent"
	"sundog/project/serverless"
)

// routesOf gives the keys of a function's routes in the HTTP API.
func routesOf(f serverless.Function) (keys []string) {
	for _, e := range f.Events {
		if e.Type != "httpApi" {
			continue
		}
		key := httpevent.DefaultRoute
		if method, path, ok := strings.Cut(e.Summary, " "); ok && strings.TrimSpace(path) != "*" {
			if method = strings.ToUpper(method); method == "*" {
				method = "ANY"
			}
			key = method + " " + strings.TrimSpace(path)
		}
		keys = append(keys, key)
	}
	return keys
}

// sampleRequest makes the event of a request to the first route that has the path; path "" asks for the first route's. A function without routes is
// called as by one that takes everything.
func sampleRequest(routes []string, path, account string, now time.Time) ([]byte, error) {
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	if path != "" && (u.Host != "" || !strings.HasPrefix(u.Path, "/")) {
		return nil, fmt.Errorf("the path %s does not begin with /", path)
	}
	if len(routes) == 0 {
		routes = []string{httpevent.DefaultRoute}
	}
	for _, text := range routes {
		key, err := httpevent.ParseRouteKey(text)
		if err != nil {
			return nil, err
		}
		method := key.Method
		if key.Fallback || method == "ANY" {
			method = "GET"
		}
		asked, escaped := u.Path, u.EscapedPath()
		if path == "" {
			asked = samplePath(key)
			escaped = asked
		}
		vars, score := key.Match(method, httpevent.SplitPath(nil, escaped))
		if score < 0 {
			continue
		}
		r := httpevent.Request{
			Account: account, API: "sample", RouteKey: text, Stage: "$default", Method: method, Path: asked, RawQuery: u.RawQuery, Host: "localhost", Protocol: "HTTP/1.1",
			SourceIP: "127.0.0.1", UserAgent: ownAgent, ID: "sample", Time: now, Header: map[string][]string{"Host": {"localhost"}}, PathParameters: vars,
		}
		return r.Payload()
	}
	return nil, fmt.Errorf("no route of the function has the path %s; it has: %s", u.Path, strings.Join(routes, ", "))
}

// samplePath gives a path that a route has.
func samplePath(key httpevent.RouteKey) string {
	if key.Fallback {
		return "/"
	}
	_, template, _ := strings.Cut(key.Text, " ")
	parts := strings.Split(template, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "sample"
		}
	}
	return strings.Join(parts, "/")
}

// sampleEvent makes the event that is asked for, as its service would send it.
func sampleEvent(in *invokeCommand, c *connection, now time.Time) ([]byte, error) {
	arn := func(service, resource string) string {
		return strings.Join([]string{"arn", "aws", service, c.Region, c.Account, resource}, ":")
	}
	var e any
	switch in.Event {
	case "httpApi":
		return sampleRequest(c.routes(in.Function), in.Path, c.Account, now)
	case "sns":
		e = records(map[string]any{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn("sns", "sample:1"), "Sns": map[string]any{
			"Type": "Notification", "MessageId": "sample", "TopicArn": arn("sns", "sample"), "Subject": nil, "Message": "sample", "Timestamp": now.Format(time.RFC3339), "MessageAttributes": map[string]any{}}})
	case "sqs":
		e = records(map[string]any{"messageId": "sample", "receiptHandle": "sample", "body": "sample", "eventSource": "aws:sqs", "eventSourceARN": arn("sqs", "sample"), "awsRegion": c.Region,
			"attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": fmt.Sprint(now.UnixMilli())}, "messageAttributes": map[string]any{}})
	case "s3":
		e = records(map[string]any{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": c.Region, "eventTime": now.Format(time.RFC3339), "eventName": "ObjectCreated:Put", "s3": map[string]any{
			"s3SchemaVersion": "1.0", "bucket": map[string]any{"name": "sample", "arn": "arn:aws:s3:::sample"}, "object": map[string]any{"key": "sample", "size": 6}}})
	case "schedule":
		e = map[string]any{"version": "0", "id": "sample", "detail-type": "Scheduled Event", "source": "aws.events", "account": c.Account, "time": now.Format(time.RFC3339),
			"region": c.Region, "resources": []string{arn("events", "rule/sample")}, "detail": map[string]any{}}
	}
	return json.Marshal(e)
}

func records(r map[string]any) any { return map[string]any{"Records": []any{r}} }
