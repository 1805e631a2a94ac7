package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/services/room"
	"sundog/services/servicetest"
)

type bench struct {
	*servicetest.Kit
	r    *logsRoom
	room room.Room
	ctx  context.Context
	t    *testing.T
}

// open starts the room; the fake gateway calls its operations.
func open(t *testing.T) *bench {
	k := servicetest.New(t)
	r := build(k.Deps)
	rm := r.room()
	b := &bench{Kit: k, r: r, room: rm, ctx: k.Context(), t: t}
	ops := map[string]cloud.Operation{}
	for _, op := range rm.Operations {
		ops[op.Name] = op
	}
	k.Caller.Answer = func(c servicetest.Call) (any, error) {
		op := ops[c.Op]
		in := op.New()
		if err := json.Unmarshal(c.In, in); err != nil {
			return nil, err
		}
		return op.Call(b.ctx, in)
	}
	k.Begin(t, rm)
	return b
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return cloud.AsError(err).Code
}

func (b *bench) group(n string) {
	b.t.Helper()
	_, err := b.r.createGroup(b.ctx, &api.CreateLogGroupInput{LogGroupName: &n})
	must(b.t, 0, err)
}

func (b *bench) stream(group, stream string) {
	b.t.Helper()
	_, err := b.r.createStream(b.ctx, &api.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	must(b.t, 0, err)
}

// put writes lines a second apart that end now.
func (b *bench) put(group, stream string, lines ...string) {
	b.t.Helper()
	var events []api.InputLogEvent
	for i, l := range lines {
		at := b.Clock.Now().Add(time.Duration(i-len(lines)) * time.Second).UnixMilli()
		events = append(events, api.InputLogEvent{Timestamp: &at, Message: &l})
	}
	out, err := b.r.putEvents(b.ctx, &api.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
	if must(b.t, out, err); out.RejectedLogEventsInfo != nil {
		b.t.Fatalf("%+v", out.RejectedLogEventsInfo)
	}
}

func messages(events []api.OutputLogEvent) (out []string) {
	for _, e := range events {
		out = append(out, *e.Message)
	}
	return out
}

func (b *bench) get(in api.GetLogEventsInput) *api.GetLogEventsOutput {
	b.t.Helper()
	in.LogGroupName, in.LogStreamName = new("g"), new("s")
	out, err := b.r.getEvents(b.ctx, &in)
	return must(b.t, out, err)
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

func TestGetLogEventsPages(t *testing.T) {
	b := open(t)
	b.group("g")
	b.stream("g", "s")
	b.stream("g", "other")
	b.put("g", "s", "1", "2", "3", "4", "5")
	b.put("g", "other", "x")
	latest := b.get(api.GetLogEventsInput{Limit: new(int32(2))})
	want(t, messages(latest.Events), "[4 5]")
	older := b.get(api.GetLogEventsInput{Limit: new(int32(2)), NextToken: latest.NextBackwardToken})
	want(t, messages(older.Events), "[2 3]")
	end := b.get(api.GetLogEventsInput{NextToken: latest.NextForwardToken})
	want(t, messages(end.Events), "[]")
	want(t, *end.NextForwardToken, *latest.NextForwardToken)
	want(t, messages(b.get(api.GetLogEventsInput{NextToken: end.NextBackwardToken, Limit: new(int32(1))}).Events), "[5]")
	b.put("g", "s", "6")
	want(t, messages(b.get(api.GetLogEventsInput{NextToken: end.NextForwardToken}).Events), "[6]")
	head := b.get(api.GetLogEventsInput{Limit: new(int32(2)), StartFromHead: new(true)})
	want(t, messages(head.Events), "[1 2]")
	start := b.get(api.GetLogEventsInput{NextToken: head.NextBackwardToken})
	want(t, messages(start.Events), "[]")
	want(t, messages(b.get(api.GetLogEventsInput{NextToken: start.NextForwardToken, Limit: new(int32(1))}).Events), "[1]")
	_, err := b.r.getEvents(b.ctx, &api.GetLogEventsInput{LogGroupName: new("g"), LogStreamName: new("s"), NextToken: new("bad")})
	want(t, code(err), "InvalidParameterException")
}

func TestFilterLogEvents(t *testing.T) {
	b := open(t)
	b.group("g")
	b.stream("g", "a/1")
	b.stream("g", "b/1")
	b.put("g", "a/1", `{"level":"ERROR"}`, `{"level":"INFO"}`)
	b.put("g", "b/1", `{"level":"ERROR","n":2}`)
	filter := func(in api.FilterLogEventsInput) (lines []string) {
		in.LogGroupName = new("g")
		for {
			out, err := b.r.filterEvents(b.ctx, &in)
			for _, e := range must(t, out, err).Events {
				lines = append(lines, *e.Message)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return lines
			}
		}
	}
	want(t, len(filter(api.FilterLogEventsInput{FilterPattern: new(`{ $.level = "ERROR" }`)})), 2)
	want(t, len(filter(api.FilterLogEventsInput{Limit: new(int32(1))})), 3)
	want(t, len(filter(api.FilterLogEventsInput{LogStreamNamePrefix: new("a/")})), 2)
	want(t, len(filter(api.FilterLogEventsInput{LogStreamNames: []string{"b/1"}})), 1)
	want(t, len(filter(api.FilterLogEventsInput{EndTime: new(b.Clock.Now().Add(-time.Hour).UnixMilli())})), 0)
	_, err := b.r.filterEvents(b.ctx, &api.FilterLogEventsInput{LogGroupName: new("g"), FilterPattern: new("{")})
	want(t, code(err), "InvalidParameterException")
	_, err = b.r.filterEvents(b.ctx, &api.FilterLogEventsInput{LogGroupName: new("none")})
	want(t, code(err), "ResourceNotFoundException")
}

func TestImplicitGroup(t *testing.T) {
	b := open(t)
	g := telemetry.LogGroup{Scope: servicetest.Scope, Name: "/aws/lambda/f"}
	b.Telemetry.Log(g, "s", telemetry.LogEvent{Message: "line"})
	out, err := b.r.describeGroups(b.ctx, &api.DescribeLogGroupsInput{LogGroupNamePrefix: new("/aws/")})
	if must(t, out, err); len(out.LogGroups) != 1 || *out.LogGroups[0].StoredBytes != 30 || *out.LogGroups[0].Arn != "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/f:*" {
		t.Fatalf("%+v", out.LogGroups)
	}
	streams, err := b.r.describeStreams(b.ctx, &api.DescribeLogStreamsInput{LogGroupName: &g.Name, OrderBy: new("LastEventTime"), Descending: new(true)})
	want(t, *must(t, streams, err).LogStreams[0].LogStreamName, "s")
	b.group(g.Name) // a deployment may take it over
	_, err = b.r.createGroup(b.ctx, &api.CreateLogGroupInput{LogGroupName: &g.Name})
	want(t, code(err), "ResourceAlreadyExistsException")
	_, err = b.r.deleteGroup(b.ctx, &api.DeleteLogGroupInput{LogGroupName: &g.Name})
	must(t, 0, err)
	_, err = b.r.deleteGroup(b.ctx, &api.DeleteLogGroupInput{LogGroupName: &g.Name})
	want(t, code(err), "ResourceNotFoundException")
}

func TestRetention(t *testing.T) {
	b := open(t)
	b.group("g")
	b.stream("g", "s")
	_, err := b.r.putRetention(b.ctx, &api.PutRetentionPolicyInput{LogGroupName: new("g"), RetentionInDays: new(int32(2))})
	want(t, code(err), "InvalidParameterException")
	_, err = b.r.putRetention(b.ctx, &api.PutRetentionPolicyInput{LogGroupName: new("g"), RetentionInDays: new(int32(3))})
	must(t, 0, err)
	b.put("g", "s", "old")
	b.Advance(60 * time.Hour)
	b.put("g", "s", "new")
	want(t, messages(b.get(api.GetLogEventsInput{}).Events), "[old new]")
	b.Advance(20 * time.Hour)
	want(t, messages(b.get(api.GetLogEventsInput{}).Events), "[new]")
	b.Advance(24 * time.Hour) // the sweep of the fourth day
	kept, err := b.Telemetry.Logs(b.ctx, telemetry.LogQuery{Group: telemetry.LogGroup{Scope: servicetest.Scope, Name: "g"}})
	want(t, len(must(t, kept, err)), 1)
	out, err := b.r.describeGroups(b.ctx, &api.DescribeLogGroupsInput{})
	want(t, *must(t, out, err).LogGroups[0].StoredBytes, 29)
	want(t, *out.LogGroups[0].RetentionInDays, 3)
}

func TestPutLogEventsRejects(t *testing.T) {
	b := open(t)
	b.group("g")
	b.stream("g", "s")
	now := b.Clock.Now()
	put := func(at ...time.Duration) (*api.PutLogEventsOutput, error) {
		in := &api.PutLogEventsInput{LogGroupName: new("g"), LogStreamName: new("s"), SequenceToken: new("any")}
		for _, d := range at {
			in.LogEvents = append(in.LogEvents, api.InputLogEvent{Timestamp: new(now.Add(d).UnixMilli()), Message: new("m")})
		}
		return b.r.putEvents(b.ctx, in)
	}
	out, err := put(-14*24*time.Hour-time.Minute, -14*24*time.Hour+time.Minute)
	want(t, *must(t, out, err).RejectedLogEventsInfo.TooOldLogEventEndIndex, 1)
	out, err = put(time.Hour, 3*time.Hour)
	want(t, *must(t, out, err).RejectedLogEventsInfo.TooNewLogEventStartIndex, 1)
	want(t, len(b.get(api.GetLogEventsInput{}).Events), 2)
	_, err = put(0, -time.Second)
	want(t, code(err), "InvalidParameterException")
	_, err = put(-25*time.Hour, 0)
	want(t, code(err), "InvalidParameterException")
	_, err = b.r.putEvents(b.ctx, &api.PutLogEventsInput{LogGroupName: new("g"), LogStreamName: new("none")})
	want(t, code(err), "ResourceNotFoundException")
}

func TestTags(t *testing.T) {
	b := open(t)
	b.group("g")
	arn := new("arn:aws:logs:eu-west-1:000000000000:log-group:g")
	_, err := b.r.tagResource(b.ctx, &api.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "1", "b": "2"}})
	must(t, 0, err)
	_, err = b.r.untagGroup(b.ctx, &api.UntagLogGroupInput{LogGroupName: new("g"), Tags: []string{"a"}})
	must(t, 0, err)
	out, err := b.r.listTags(b.ctx, &api.ListTagsForResourceInput{ResourceArn: arn})
	if must(t, out, err); !reflect.DeepEqual(out.Tags, map[string]string{"b": "2"}) {
		t.Fatalf("%v", out.Tags)
	}
	list, err := b.r.listGroups(b.ctx, &api.ListLogGroupsInput{LogGroupTags: []api.TagFilter{{Key: new("b"), Values: []string{"2"}}}})
	want(t, len(must(t, list, err).LogGroups), 1)
}

func TestGroupResource(t *testing.T) {
	b := open(t)
	typ := b.room.Resources[0]
	req := room.Request{
		StackName: "app", LogicalID: "Logs", Token: "t1", Tags: map[string]string{"stage": "dev"},
		New: room.Props{"LogGroupName": json.RawMessage(`"/aws/lambda/f"`), "RetentionInDays": json.RawMessage("14")},
	}
	res, err := typ.Create(b.ctx, req)
	want(t, must(t, res, err).Attributes["Arn"], "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/f:*")
	_, err = typ.Create(b.ctx, req) // the same step again
	must(t, 0, err)
	req.Token = "t2"
	_, err = typ.Create(b.ctx, req)
	want(t, code(err), "ResourceAlreadyExistsException")
	req.Physical, req.Old = res.Physical, req.New
	req.New = room.Props{"LogGroupName": json.RawMessage(`"/aws/lambda/f"`)}
	_, err = typ.Update(b.ctx, req)
	must(t, 0, err)
	out, err := b.r.describeGroups(b.ctx, &api.DescribeLogGroupsInput{})
	if must(t, out, err); out.LogGroups[0].RetentionInDays != nil {
		t.Fatal("the retention stayed")
	}
	must(t, 0, typ.Delete(b.ctx, req))
	must(t, 0, typ.Delete(b.ctx, req))
}
