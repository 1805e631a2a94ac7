package logs

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/telemetry"
	"sundog/services/room"
	"sundog/services/servicetest"
)

const function = "arn:aws:lambda:eu-west-1:000000000000:function:sink"

// sink opens a room whose deliveries to functions come out of a channel.
func sink(t *testing.T) (*bench, chan bus.Delivery) {
	b := open(t)
	got := make(chan bus.Delivery, 100)
	b.Record("lambda", "lambda:InvokeFunction").Answer = func(d bus.Delivery) (bus.Outcome, error) {
		got <- d
		return bus.Outcome{}, nil
	}
	b.Directory.Put(cloud.MustARN(function), cloud.Description{}, &cloud.Policy{Statements: []cloud.Statement{{
		Allow: true, Principals: []cloud.PolicyPrincipal{{Type: "Service", Value: "logs.eu-west-1.amazonaws.com"}},
	}}})
	return b, got
}

func unpack(t *testing.T, d bus.Delivery) (m message) {
	t.Helper()
	var event struct{ AWSLogs struct{ Data []byte } }
	must(t, 0, json.Unmarshal(d.Payload, &event))
	z, err := gzip.NewReader(bytes.NewReader(event.AWSLogs.Data))
	raw, err2 := io.ReadAll(must(t, z, err))
	must(t, 0, json.Unmarshal(must(t, raw, err2), &m))
	return m
}

func TestSubscriptionFilter(t *testing.T) {
	b, got := sink(t)
	b.group("g")
	put := &api.PutSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f"), FilterPattern: new("ERROR"), DestinationArn: new(function)}
	_, err := b.r.putFilter(b.ctx, put)
	must(t, 0, err)
	g := telemetry.LogGroup{Scope: servicetest.Scope, Name: "g"}
	b.Telemetry.Log(g, "s", telemetry.LogEvent{Message: "INFO"}, telemetry.LogEvent{Message: "an ERROR"})
	d := <-got
	m := unpack(t, d)
	if len(m.LogEvents) != 1 || m.LogEvents[0].Message != "an ERROR" || m.LogGroup != "g" || m.LogStream != "s" || m.SubscriptionFilters[0] != "f" {
		t.Fatalf("%+v", m)
	}
	want(t, d.As.Service+" "+d.As.Source.String(), "logs.eu-west-1.amazonaws.com arn:aws:logs:eu-west-1:000000000000:log-group:g:*")

	big := strings.Repeat("ERROR ", feedBytes/12)
	b.Telemetry.Log(g, "s", telemetry.LogEvent{Message: big}, telemetry.LogEvent{Message: big}, telemetry.LogEvent{Message: big})
	lines := 0
	for n := 0; lines < 3; n++ {
		if m := unpack(t, <-got); len(m.LogEvents) > 2 {
			t.Fatalf("%d large lines in one delivery", len(m.LogEvents))
		} else {
			lines += len(m.LogEvents)
		}
	}

	put.FilterName = new("f2")
	_, err = b.r.putFilter(b.ctx, put)
	must(t, 0, err)
	put.FilterName = new("f3")
	_, err = b.r.putFilter(b.ctx, put)
	want(t, code(err), "LimitExceededException")
	put.DestinationArn = new("arn:aws:kinesis:eu-west-1:000000000000:stream/s")
	_, err = b.r.putFilter(b.ctx, put)
	want(t, code(err), "InvalidParameterException")
	put.DestinationArn = new("arn:aws:firehose:eu-west-1:000000000000:deliverystream/s")
	_, err = b.r.putFilter(b.ctx, put)
	want(t, code(err), "NotImplemented")
	out, err := b.r.describeFilters(b.ctx, &api.DescribeSubscriptionFiltersInput{LogGroupName: new("g"), FilterNamePrefix: new("f2")})
	want(t, *must(t, out, err).SubscriptionFilters[0].FilterName, "f2")
	_, err = b.r.deleteFilter(b.ctx, &api.DeleteSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f2")})
	must(t, 0, err)
	_, err = b.r.deleteFilter(b.ctx, &api.DeleteSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f2")})
	want(t, code(err), "ResourceNotFoundException")
}

// A data stream gets the packed lines as they are, in the name of the filter's role, under the name of their log stream.
func TestFilterToDataStream(t *testing.T) {
	b, _ := sink(t)
	got := make(chan bus.Delivery, 10)
	b.Record("kinesis", "kinesis:PutRecord").Answer = func(d bus.Delivery) (bus.Outcome, error) {
		got <- d
		return bus.Outcome{}, nil
	}
	b.group("g")
	put := &api.PutSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f"), FilterPattern: new(""), DestinationArn: new("arn:aws:kinesis:eu-west-1:000000000000:stream/s"),
		RoleArn: new("arn:aws:iam::000000000000:role/feeder")}
	for _, x := range []struct {
		distribution *string
		key          string
	}{{nil, "s"}, {new("Random"), ""}} {
		put.Distribution = x.distribution
		_, err := b.r.putFilter(b.ctx, put)
		must(t, 0, err)
		b.Telemetry.Log(telemetry.LogGroup{Scope: servicetest.Scope, Name: "g"}, "s", telemetry.LogEvent{Message: "m"})
		d := <-got
		z, err := gzip.NewReader(bytes.NewReader(d.Payload))
		raw, err2 := io.ReadAll(must(t, z, err))
		var m message
		must(t, 0, json.Unmarshal(must(t, raw, err2), &m))
		if m.LogEvents[0].Message != "m" || d.Parameters["PartitionKey"] != x.key || d.As.Role.Resource != "role/feeder" {
			t.Fatalf("%+v %+v", m, d)
		}
	}
}

func TestFiltersAreFoundAtStart(t *testing.T) {
	b, got := sink(t)
	b.group("g")
	_, err := b.r.putFilter(b.ctx, &api.PutSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f"), FilterPattern: new(""), DestinationArn: new(function)})
	must(t, 0, err)
	again := &logsRoom{d: b.Deps}
	again.feed.r, again.feed.filters = again, map[telemetry.LogGroup][]*filter{}
	must(t, 0, b.r.feed.close())
	must(t, 0, again.feed.start(b.ctx))
	b.Telemetry.Log(telemetry.LogGroup{Scope: servicetest.Scope, Name: "g"}, "s", telemetry.LogEvent{Message: "m"})
	must(t, 0, again.feed.close()) // what was seen is delivered
	want(t, unpack(t, <-got).LogEvents[0].Message, "m")
}

func TestFilterResource(t *testing.T) {
	b, _ := sink(t)
	b.group("g")
	b.group("h")
	typ := b.room.Resources[2]
	req := room.Request{StackName: "app", LogicalID: "F", Token: "t", New: room.Props{
		"LogGroupName": json.RawMessage(`"g"`), "FilterPattern": json.RawMessage(`""`), "DestinationArn": json.RawMessage(`"` + function + `"`),
	}}
	res, err := typ.Create(b.ctx, req)
	req.Physical, req.Old = must(t, res, err).Physical, req.New
	req.New = room.Props{"LogGroupName": json.RawMessage(`"h"`), "FilterPattern": json.RawMessage(`"x"`), "DestinationArn": json.RawMessage(`"` + function + `"`), "FilterName": json.RawMessage(`"f"`)}
	res, err = typ.Update(b.ctx, req)
	want(t, must(t, res, err).Physical, "f")
	for group, n := range map[string]int{"g": 0, "h": 1} {
		out, err := b.r.describeFilters(b.ctx, &api.DescribeSubscriptionFiltersInput{LogGroupName: &group})
		want(t, len(must(t, out, err).SubscriptionFilters), n)
	}
	req.Physical, req.Old = "f", req.New
	must(t, 0, typ.Delete(b.ctx, req))
	must(t, 0, typ.Delete(b.ctx, req))
}

// Lines are looked at only while somebody has a filter.
func TestFeedListensWhileThereAreFilters(t *testing.T) {
	b, got := sink(t)
	b.group("g")
	listens := func() bool {
		b.r.feed.listening.Lock()
		defer b.r.feed.listening.Unlock()
		return b.r.feed.untail != nil
	}
	g := telemetry.LogGroup{Scope: servicetest.Scope, Name: "g"}
	for _, m := range []string{"first", "second"} {
		want(t, listens(), false)
		_, err := b.r.putFilter(b.ctx, &api.PutSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f"), FilterPattern: new(""), DestinationArn: new(function)})
		must(t, 0, err)
		want(t, listens(), true)
		b.Telemetry.Log(g, "s", telemetry.LogEvent{Message: m})
		want(t, unpack(t, <-got).LogEvents[0].Message, m)
		_, err = b.r.deleteFilter(b.ctx, &api.DeleteSubscriptionFilterInput{LogGroupName: new("g"), FilterName: new("f")})
		must(t, 0, err)
		b.Telemetry.Log(g, "s", telemetry.LogEvent{Message: "not delivered"})
	}
	must(t, 0, b.r.feed.close())
	must(t, 0, b.r.feed.close()) // closing again does nothing
	want(t, listens(), false)
}
