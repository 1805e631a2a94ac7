package jsonbody_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sundog/api/dynamodb"
	"sundog/api/lambda"
	"sundog/cloud/schema"
	"sundog/edge/wire/jsonbody"
	"sundog/edge/wire/record"
)

func decode(op *schema.Operation, text string, in any) error {
	p, v := record.Of(op.Model().Input, in)
	return jsonbody.Decode([]byte(text), p, v, jsonbody.Wire)
}

const putItem = `{"TableName":"users","Item":{"id":{"S":"user-1"},"age":{"N":"42"},"name":{"S":"Ada \u00e9\n"},` +
	`"tags":{"SS":["a","b"]},"deep":{"M":{"l":{"L":[{"BOOL":true},{"NULL":true},{"B":"AQI="}]}}}},"ReturnValues":"NONE"}`

func TestDecodePutItem(t *testing.T) {
	in := &dynamodb.PutItemInput{}
	if err := decode(dynamodb.PutItemOp, putItem, in); err != nil {
		t.Fatal(err)
	}
	l := in.Item["deep"].M["l"].L
	if *in.TableName != "users" || *in.Item["name"].S != "Ada é\n" || len(in.Item["tags"].SS) != 2 || !*l[0].BOOL || !*l[1].NULL || string(l[2].B) != "\x01\x02" {
		t.Fatalf("got %+v", in)
	}
	p, v := record.Of(dynamodb.PutItemOp.Model().Input, in)
	again := &dynamodb.PutItemInput{}
	if err := decode(dynamodb.PutItemOp, string(jsonbody.Append(nil, p, v, jsonbody.Wire)), again); err != nil || !reflect.DeepEqual(in, again) {
		t.Fatalf("round trip: %v %+v", err, again)
	}
}

// Empty collections stay apart from absent ones, both ways.
func TestPresence(t *testing.T) {
	in := &dynamodb.PutItemInput{}
	if err := decode(dynamodb.PutItemOp, `{"Item":{"e":{"L":[],"M":{},"B":""}},"Expected":null}`, in); err != nil {
		t.Fatal(err)
	}
	e := in.Item["e"]
	if e.L == nil || e.M == nil || e.B == nil || e.SS != nil || in.Expected != nil {
		t.Fatalf("got %+v", e)
	}
	p, v := record.Of(dynamodb.PutItemOp.Model().Input, in)
	for _, want := range []string{`"L":[]`, `"M":{}`, `"B":""`} {
		if got := string(jsonbody.Append(nil, p, v, jsonbody.Wire)); !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"TableName":1}`, "NUMBER_VALUE can not be converted to a String"},
		{`{"TableName":1.5}`, "DECIMAL_VALUE can not be converted to a String"},
		{`{"TableName":true}`, "TRUE_VALUE can not be converted to a String"},
		{`{"TableName":{}}`, "Start of structure or map found where not expected."},
		{`{"TableName":[]}`, "Unrecognized collection type class java.util.ArrayList"},
		{`{"Item":[]}`, "Start of list found where not expected"},
		{`{"Item":{"a":{"BOOL":"x"}}}`, "STRING_VALUE can not be converted to a Boolean"},
		{`{"Item":{"a":{"B":"*"}}}`, "Invalid Base64 character or length in a Blob"},
		{`{"Item":{"a":{"SS":[1]}}}`, "NUMBER_VALUE can not be converted to a String"},
		{`{"Item":"x"}`, "Unexpected field type"},
		{`[]`, "Start of list found where not expected"},
		{`{"TableName":"a"`, "Unexpected end of input"},
		{`{"TableName":"a"}}`, `Unexpected character '}' at offset 17`},
		{`{"TableName":"\q"}`, `Unrecognized character escape 'q'`},
		{strings.Repeat(`{"Item":`, 3000), "Start of structure"},
		{`{"x":` + strings.Repeat(`[`, 3000), "Nesting is too deep"},
		{``, "Unexpected end of input"},
	} {
		err := decode(dynamodb.PutItemOp, c.text, &dynamodb.PutItemInput{})
		if err == nil || !strings.Contains(err.Error(), c.want) && !strings.Contains(err.Error(), "too deep") {
			t.Errorf("%.40s: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestIntegers(t *testing.T) {
	for text, ok := range map[string]bool{"3": true, "3.0": true, "3e2": true, "-1": true, "2147483648": false, "03": false, "1e999": false} {
		in := &lambda.CreateFunctionInput{}
		if err := decode(lambda.CreateFunctionOp, `{"Timeout":`+text+`}`, in); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The model's JSON has every member by its name and times as seconds.
func TestModelMode(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC)
	name := "t"
	out := &dynamodb.DescribeTableOutput{Table: &dynamodb.TableDescription{TableName: &name, CreationDateTime: &at}}
	p, v := record.Of(dynamodb.DescribeTableOp.Model().Output, out)
	got := string(jsonbody.Append(nil, p, v, jsonbody.Model))
	if got != `{"Table":{"TableName":"t","CreationDateTime":1767323045.25}}` {
		t.Fatal(got)
	}
	again := &dynamodb.DescribeTableOutput{}
	p, v = record.Of(dynamodb.DescribeTableOp.Model().Output, again)
	if err := jsonbody.Decode([]byte(got), p, v, jsonbody.Model); err != nil || !again.Table.CreationDateTime.Equal(at) {
		t.Fatal(err, again.Table)
	}
	fn := "f"
	p, v = record.Of(lambda.InvokeOp.Model().Input, &lambda.InvokeInput{FunctionName: &fn})
	if got := string(jsonbody.Append(nil, p, v, jsonbody.Model)); got != `{"FunctionName":"f"}` {
		t.Fatal(got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{putItem, `{}`, `{"Item":{"a":{"L":[{"M":{}}]}}}`, `{"a":"\ud83d\ude00\ud83d"}`, `{"TableName":"\`, "{\"TableName\":\"\xff\"}", `{"TableName":"\u12`, `[1,2`, `nul`, `-`, `1e`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := &dynamodb.PutItemInput{}
		if decode(dynamodb.PutItemOp, s, in) != nil {
			return
		}
		p, v := record.Of(dynamodb.PutItemOp.Model().Input, in)
		again := &dynamodb.PutItemInput{}
		if err := decode(dynamodb.PutItemOp, string(jsonbody.Append(nil, p, v, jsonbody.Wire)), again); err != nil {
			t.Fatalf("written text does not read: %v", err)
		}
	})
}

func BenchmarkDecodePutItem(b *testing.B) {
	data := []byte(putItem)
	b.ReportAllocs()
	for b.Loop() {
		in := &dynamodb.PutItemInput{}
		p, v := record.Of(dynamodb.PutItemOp.Model().Input, in)
		if err := jsonbody.Decode(data, p, v, jsonbody.Wire); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeGetItem(b *testing.B) {
	in := &dynamodb.PutItemInput{}
	if err := decode(dynamodb.PutItemOp, putItem, in); err != nil {
		b.Fatal(err)
	}
	out := &dynamodb.GetItemOutput{Item: in.Item}
	b.ReportAllocs()
	for b.Loop() {
		p, v := record.Of(dynamodb.GetItemOp.Model().Output, out)
		jsonbody.Append(make([]byte, 0, 512), p, v, jsonbody.Wire)
	}
}
