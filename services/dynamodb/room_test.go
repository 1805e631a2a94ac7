package dynamodb

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/services/room"
)

const plainTable = `{"TableName":"tab","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`

func streamed(view string) string {
	return strings.TrimSuffix(plainTable, "}") + `,"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"` + view + `"}}`
}

func TestHashIsEven(t *testing.T) {
	var shards [256]int
	for i := range 25600 {
		shards[hashOf(7, []byte(fmt.Sprint("user", i)))>>24]++
	}
	for s, n := range shards {
		if n < 50 || n > 150 {
			t.Errorf("shard %d has %d of 25600 keys", s, n)
		}
	}
}

// A poller sees every change once, in order per item, also those that come while it waits.
func TestStreamForPollers(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", streamed("NEW_IMAGE"))
	a := cloud.NewARN(roomName, testScope, "table/tab/stream/2026-01-02T03:04:05.000")
	shards, err := w.room.Stream.Shards(w.ctx, a)
	if err != nil || len(shards) != streamParts {
		t.Fatal(shards, err)
	}
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	var mu sync.Mutex
	seen := map[string][]string{}
	total := 0
	done := make(chan struct{})
	for _, sh := range shards {
		go func() {
			var pos []byte
			for {
				if err := w.room.Stream.Wait(ctx, a, sh.ID, pos); err != nil {
					return
				}
				recs, next, err := w.room.Stream.Read(ctx, a, sh.ID, pos, 3)
				if err != nil {
					t.Error(err)
					return
				}
				pos = next
				mu.Lock()
				for _, r := range recs {
					var e struct {
						Dynamodb struct {
							NewImage struct{ ID, N map[string]string }
						}
					}
					if err := json.Unmarshal(r.JSON, &e); err != nil {
						t.Error(err)
					}
					id := e.Dynamodb.NewImage.ID["S"]
					seen[id] = append(seen[id], e.Dynamodb.NewImage.N["N"])
					if total++; total == 100 {
						close(done)
					}
				}
				mu.Unlock()
			}
		}()
	}
	for i := range 100 {
		w.must("PutItem", fmt.Sprintf(`{"TableName":"tab","Item":{"id":{"S":"k%d"},"n":{"N":"%d"}}}`, i%10, i/10))
	}
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("not all records came")
	}
	mu.Lock()
	defer mu.Unlock()
	for id, ns := range seen {
		if got := strings.Join(ns, ""); got != "0123456789" {
			t.Errorf("%s: %s", id, got)
		}
	}
}

// What a room left undone when it ended is taken up by the next one: expiry, filling of indexes, removal of rows.
func TestRestart(t *testing.T) {
	st := mem.New()
	w := newWorld(t, st)
	w.must("CreateTable", plainTable)
	w.must("UpdateTimeToLive", `{"TableName":"tab","TimeToLiveSpecification":{"Enabled":true,"AttributeName":"ttl"}}`)
	w.step("settle")
	w.must("PutItem", fmt.Sprintf(`{"TableName":"tab","Item":{"id":{"S":"a"},"x":{"N":"1"},"ttl":{"N":"%d"}}}`, w.clock.Now().Add(time.Hour).Unix()))
	if err := w.room.Close(); err != nil {
		t.Fatal(err)
	}
	w.must("UpdateTable", `{"TableName":"tab","AttributeDefinitions":[{"AttributeName":"x","AttributeType":"N"}],"GlobalSecondaryIndexUpdates":[{"Create":{"IndexName":"byX","KeySchema":[{"AttributeName":"x","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}}]}`)
	w.must("CreateTable", strings.Replace(plainTable, "tab", "gone", 1))
	w.must("PutItem", `{"TableName":"gone","Item":{"id":{"S":"a"}}}`)
	w.must("DeleteTable", `{"TableName":"gone"}`)

	w = newWorld(t, st)
	if err := w.room.Start(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.step("settle")
	query := `{"TableName":"tab","IndexName":"byX","KeyConditionExpression":"x = :x","ExpressionAttributeValues":{":x":{"N":"1"}},"Select":"COUNT"}`
	if got := w.must("Query", query); got != `{"Count":1,"ScannedCount":1}` {
		t.Error("index not filled:", got)
	}
	w.step("advance 2h")
	if got := w.must("Query", query); got != `{"Count":0,"ScannedCount":0}` {
		t.Error("not expired:", got)
	}
	rows := map[string]int{}
	err := st.View(w.ctx, func(r store.Reader) error {
		it := r.Scan(store.ScanOptions{})
		defer func() { _ = it.Close() }()
		for it.Next() {
			_, rest, err := store.CutStr(it.Key()[1:])
			if err != nil {
				return err
			}
			kind, _, err := store.CutStr(rest)
			if err != nil {
				return err
			}
			if kind != "count" {
				rows[kind]++
			}
		}
		return it.Err()
	})
	if err != nil || len(rows) != 1 || rows["table"] != 1 {
		t.Errorf("rows left: %v, %v", rows, err)
	}
}

// Many writers of one item lose no update.
func TestConcurrentCounters(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", streamed("KEYS_ONLY"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if _, err := w.call("UpdateItem", `{"TableName":"tab","Key":{"id":{"S":"a"}},"UpdateExpression":"ADD n :n","ExpressionAttributeValues":{":n":{"N":"1"}}}`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := w.must("GetItem", `{"TableName":"tab","Key":{"id":{"S":"a"}},"ProjectionExpression":"n"}`); got != `{"Item":{"n":{"N":"200"}}}` {
		t.Error(got)
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", plainTable)
	ctx := cloud.WithCall(w.ctx, cloud.Call{Scope: testScope, Principal: cloud.Principal{Kind: cloud.AssumedRole, Account: testScope.Account}})
	for _, c := range []struct{ op, in, want string }{
		{"PutItem", `{"TableName":"tab","Item":{"id":{"S":"k"},"x":{"N":"1"}}}`, "[{dynamodb:PutItem arn:aws:dynamodb:us-east-1:123456789012:table/tab map[dynamodb:attributes:[id x] dynamodb:leadingkeys:[k]] false}]"},
		{"Query", `{"TableName":"tab","IndexName":"abc","KeyConditionExpression":"id = :v","ExpressionAttributeValues":{":v":{"S":"k"}}}`,
			"[{dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/tab/index/abc map[] false}]"},
		{"Query", `{"TableName":"tab","KeyConditionExpression":"id = :v","ExpressionAttributeValues":{":v":{"S":"k"}},"Select":"COUNT"}`,
			"[{dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/tab map[dynamodb:leadingkeys:[k] dynamodb:select:[COUNT]] false}]"},
		{"TransactWriteItems", `{"TransactItems":[{"ConditionCheck":{"TableName":"tab","Key":{"id":{"S":"k"}},"ConditionExpression":"attribute_exists(id)"}}]}`,
			"[{dynamodb:ConditionCheckItem arn:aws:dynamodb:us-east-1:123456789012:table/tab map[dynamodb:attributes:[id] dynamodb:leadingkeys:[k]] false}]"},
		{"ListTables", `{}`, "[{dynamodb:ListTables  map[] false}]"},
	} {
		op := w.ops[c.op]
		in := op.New()
		if err := json.Unmarshal([]byte(c.in), in); err != nil {
			t.Fatal(err)
		}
		got, err := op.Access(ctx, in)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s\n got %v, %v\nwant %s", c.op, got, err, c.want)
		}
	}
}

func props(t *testing.T, s string) room.Props {
	t.Helper()
	var p room.Props
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestResource(t *testing.T) {
	w := newWorld(t, mem.New())
	res := w.room.Resources[0]
	old := props(t, `{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST",
		"StreamSpecification":{"StreamViewType":"NEW_IMAGE"},"TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true},"Tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":"1"}],
		"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`)
	rq := room.Request{StackName: "st", StackID: "sid", LogicalID: "Users", New: old, Token: "0123456789ab", Tags: map[string]string{"stage": "dev"}}
	for _, wrong := range []string{`{"StreamSpecification":{"What":1}}`, `{"GlobalSecondaryIndexes":[{"IndexName":"abc","What":1}]}`, `{"TimeToLiveSpecification":{"What":1}}`} {
		bad := rq
		bad.New = props(t, wrong)
		if _, err := res.Create(w.ctx, bad); err == nil || !strings.Contains(err.Error(), "What") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	made, err := res.Create(w.ctx, rq)
	if err != nil || made.Physical != "st-Users-0123456789AB" || made.Attributes["StreamArn"] == nil {
		t.Fatal(made, err)
	}
	again, err := res.Create(w.ctx, rq)
	if err != nil || again.Physical != made.Physical {
		t.Fatal("the same step run again:", again, err)
	}
	w.must("PutItem", `{"TableName":"st-Users-0123456789AB","Item":{"id":{"S":"1"},"x":{"N":"5"}}}`)
	rq.Old, rq.Physical = old, made.Physical
	rq.New = props(t, `{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},{"AttributeName":"x","AttributeType":"N"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST",
		"GlobalSecondaryIndexes":[{"IndexName":"byX","KeySchema":[{"AttributeName":"x","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}],"Tags":[{"Key":"a","Value":"2"}],"DeletionProtectionEnabled":true}`)
	for range 2 { // a step may run twice
		if made, err = res.Update(w.ctx, rq); err != nil || made.Attributes["StreamArn"] != nil {
			t.Fatal(made, err)
		}
	}
	d := w.must("DescribeTable", `{"TableName":"st-Users-0123456789AB"}`)
	for _, part := range []string{`"IndexName":"byX"`, `"DeletionProtectionEnabled":true`, `"IndexStatus":"ACTIVE"`} {
		if !strings.Contains(d, part) {
			t.Errorf("%s lacks %s", d, part)
		}
	}
	if got := w.must("ListTagsOfResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/st-Users-0123456789AB"}`); !strings.Contains(got, `{"Key":"a","Value":"2"}`) || strings.Contains(got, `"b"`) {
		t.Error(got)
	}
	rq.Old, rq.New = rq.New, nil
	if err := res.Delete(w.ctx, rq); err == nil {
		t.Error("a protected table was deleted")
	}
	w.must("UpdateTable", `{"TableName":"st-Users-0123456789AB","DeletionProtectionEnabled":false}`)
	for range 2 {
		if err := res.Delete(w.ctx, rq); err != nil {
			t.Error(err)
		}
	}
}

// A table made again does not inherit the policy of the one before.
func TestPolicyEndsWithTable(t *testing.T) {
	w := newWorld(t, mem.New())
	a := cloud.NewARN(roomName, testScope, "table/tab")
	for _, want := range []bool{true, false} {
		w.must("CreateTable", plainTable)
		if want {
			w.must("PutResourcePolicy", `{"ResourceArn":"`+a.String()+`","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"dynamodb:*\",\"Resource\":\"*\"}]}"}`)
		}
		for _, resource := range []string{"table/tab", "table/tab/index/abc"} {
			a.Resource = resource
			if doc, err := w.room.ResourcePolicy(w.ctx, a); err != nil || (doc != nil) != want {
				t.Errorf("%s: %v, %v", resource, doc, err)
			}
		}
		a.Resource = "table/tab"
		w.must("DeleteTable", `{"TableName":"tab"}`)
	}
	if doc, err := w.room.ResourcePolicy(w.ctx, a); err != nil || doc != nil {
		t.Error(doc, err)
	}
}

func TestDescribe(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", streamed("KEYS_ONLY"))
	a := cloud.NewARN(roomName, testScope, "table/tab")
	d, err := w.room.Describe(w.ctx, a)
	if err != nil || d.Type != "AWS::DynamoDB::Table" || d.Name != "tab" || d.Attributes["StreamArn"] == "" {
		t.Fatal(d, err)
	}
	st, err := cloud.ParseARN(d.Attributes["StreamArn"])
	if err != nil {
		t.Fatal(err)
	}
	if d, err = w.room.Describe(w.ctx, st); err != nil || d.Attributes["StreamStatus"] != "ENABLED" {
		t.Error(d, err)
	}
	a.Resource = "table/nope"
	if _, err := w.room.Describe(w.ctx, a); cloud.AsError(err).Kind != cloud.NotFound {
		t.Error(err)
	}
}

// The stream of a table that was deleted is read to its end, also when the table is made again at once: the new one has a stream of its own.
func TestStreamOfDeletedTable(t *testing.T) {
	w := newWorld(t, mem.New())
	streamOf := func() cloud.ARN {
		t.Helper()
		d, err := w.room.Describe(w.ctx, cloud.NewARN(roomName, testScope, "table/tab"))
		if err != nil {
			t.Fatal(err)
		}
		a, err := cloud.ParseARN(d.Attributes["StreamArn"])
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	src := w.room.Stream
	// rest reads all shards to their end.
	rest := func(a cloud.ARN) (n int) {
		t.Helper()
		shards, err := src.Shards(w.ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range shards {
			var pos []byte
			for err = src.Wait(w.ctx, a, sh.ID, pos); err == nil; err = src.Wait(w.ctx, a, sh.ID, pos) {
				recs, next, err := src.Read(w.ctx, a, sh.ID, pos, 10)
				if err != nil {
					t.Fatal(err)
				}
				n, pos = n+len(recs), next
			}
			if err != io.EOF {
				t.Fatal(err)
			}
		}
		return n
	}
	w.must("CreateTable", streamed("NEW_IMAGE"))
	old := streamOf()
	for i := range 10 {
		w.must("PutItem", fmt.Sprintf(`{"TableName":"tab","Item":{"id":{"S":"k%d"}}}`, i))
	}
	shards, err := src.Shards(w.ctx, old)
	if err != nil {
		t.Fatal(err)
	}
	at, err := src.Latest(w.ctx, old, shards[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- src.Wait(w.ctx, old, shards[0].ID, at) }()
	w.must("DeleteTable", `{"TableName":"tab"}`)
	if err := <-waits; err != io.EOF {
		t.Fatal(err)
	}
	w.must("CreateTable", streamed("NEW_IMAGE"))
	w.must("PutItem", `{"TableName":"tab","Item":{"id":{"S":"new"}}}`)
	if now := streamOf(); now == old {
		t.Fatal("the new table has the stream of the old one", now)
	}
	if n := rest(old); n != 10 {
		t.Fatalf("%d records of the old stream", n)
	}
	if _, err := w.clock.Advance(w.ctx, 25*time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Shards(w.ctx, old); !cloud.IsCode(err, "ResourceNotFoundException") {
		t.Fatal(err)
	}
	if err := src.Wait(w.ctx, old, shards[0].ID, nil); err != io.EOF {
		t.Fatal(err)
	}
}
