package dynamodb

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sundog/engine/store/mem"
)

const rangedTable = `{"TableName":"tab","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"h","AttributeType":"S"},{"AttributeName":"r","AttributeType":"S"}],
	"KeySchema":[{"AttributeName":"h","KeyType":"HASH"},{"AttributeName":"r","KeyType":"RANGE"}],
	"LocalSecondaryIndexes":[{"IndexName":"local","KeySchema":[{"AttributeName":"h","KeyType":"HASH"},{"AttributeName":"r","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]}`

func rangedItem(h, r string, size int) string {
	return fmt.Sprintf(`{"TableName":"tab","ReturnItemCollectionMetrics":"SIZE","Item":{"h":{"S":%s},"r":{"S":%s},"x":{"S":"%s"}}}`, quoted(h), quoted(r), strings.Repeat("x", size))
}

// A page ends with the item that takes it over 1 MB.
func TestPagesOfOneMegabyte(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", rangedTable)
	for i := range 9 {
		got := w.must("PutItem", rangedItem("a", fmt.Sprint("r", i), 300<<10))
		if want := `{"ItemCollectionMetrics":{"ItemCollectionKey":{"h":{"S":"a"}},"SizeEstimateRangeGB":[0,1]}}`; got != want {
			t.Fatal(got)
		}
	}
	start := ""
	for _, want := range []int{4, 4, 1} {
		var page struct {
			Count            int
			LastEvaluatedKey json.RawMessage
		}
		out := w.must("Query", `{"TableName":"tab","KeyConditionExpression":"h = :h","ExpressionAttributeValues":{":h":{"S":"a"}},"Select":"COUNT"`+start+`}`)
		if err := json.Unmarshal([]byte(out), &page); err != nil {
			t.Fatal(err)
		}
		if page.Count != want || (page.LastEvaluatedKey == nil) != (want == 1) {
			t.Errorf("got %s, want %d", out, want)
		}
		start = `,"ExclusiveStartKey":` + string(page.LastEvaluatedKey)
	}
}

func TestSizeLimits(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", rangedTable)
	longest := strings.Repeat("\x00", maxHashKey)
	w.must("PutItem", rangedItem(longest, longest[:maxRangeKey], 1))
	if got := w.must("Scan", `{"TableName":"tab","IndexName":"local","Select":"COUNT"}`); got != `{"Count":1,"ScannedCount":1}` {
		t.Error(got)
	}
	for in, want := range map[string]string{
		rangedItem(longest+"x", "r", 1):             "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
		rangedItem("h", longest[:maxRangeKey+1], 1): "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
		rangedItem("h", "r", 400<<10):               "Item size has exceeded the maximum allowed size",
	} {
		if _, err := w.call("PutItem", in); err == nil || messageOf(err) != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	w.must("PutItem", rangedItem("h", "r", 300<<10))
	_, err := w.call("UpdateItem", `{"TableName":"tab","Key":{"h":{"S":"h"},"r":{"S":"r"}},"UpdateExpression":"SET y = x"}`)
	if err == nil || messageOf(err) != "Item size to update has exceeded the maximum allowed size" {
		t.Error(err)
	}
	deep := strings.Repeat(`{"L":[`, 33) + `{"S":"x"}` + strings.Repeat("]}", 33)
	if _, err := w.call("PutItem", `{"TableName":"tab","Item":{"h":{"S":"h"},"r":{"S":"r"},"x":`+deep+`}}`); err == nil || messageOf(err) != "Nesting Levels have exceeded supported limits" {
		t.Error(err)
	}
}

// What does not fit into an answer of 16 MB comes back as unprocessed; a batch may be larger than one transaction.
func TestBatchLimits(t *testing.T) {
	w := newWorld(t, mem.New())
	w.must("CreateTable", plainTable)
	big := strings.Repeat("x", 390<<10)
	keys := []string{}
	for batch := range 2 {
		var puts []string
		for i := range 25 {
			id := fmt.Sprintf("k%d", batch*25+i)
			puts = append(puts, fmt.Sprintf(`{"PutRequest":{"Item":{"id":{"S":"%s"},"x":{"S":"%s"}}}}`, id, big))
			keys = append(keys, fmt.Sprintf(`{"id":{"S":"%s"}}`, id))
		}
		w.must("BatchWriteItem", `{"RequestItems":{"tab":[`+strings.Join(puts, ",")+`]}}`)
	}
	var out struct {
		Responses       map[string][]json.RawMessage
		UnprocessedKeys map[string]struct{ Keys []json.RawMessage }
	}
	if err := json.Unmarshal([]byte(w.must("BatchGetItem", `{"RequestItems":{"tab":{"Keys":[`+strings.Join(keys, ",")+`]}}}`)), &out); err != nil {
		t.Fatal(err)
	}
	if n, rest := len(out.Responses["tab"]), len(out.UnprocessedKeys["tab"].Keys); n != 42 || rest != 8 {
		t.Errorf("%d answered, %d left", n, rest)
	}
	var many []string
	for i := range 26 {
		many = append(many, fmt.Sprintf(`{"DeleteRequest":{"Key":{"id":{"S":"%d"}}}}`, i))
	}
	if _, err := w.call("BatchWriteItem", `{"RequestItems":{"tab":[`+strings.Join(many, ",")+`]}}`); err == nil || messageOf(err) != "Too many items requested for the BatchWriteItem call" {
		t.Error(err)
	}
}
