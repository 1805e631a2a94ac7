package httpevent

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// usual are responses that runtimes write; the quick way must know them.
var usual = []string{
	`{"statusCode":200,"headers":{"Content-Type":"application/json","x":"a\"\u00e9\n"},"multiValueHeaders":null,"body":"{\"a\":1}","cookies":null}`,
	`{"statusCode": 404, "body": "é", "isBase64Encoded": false}`,
	` {"statusCode":"201","isBase64Encoded":true,"body":"AQ=="} `,
	`{"statusCode":204,"headers":null,"body":null}`,
	`{"body":"x","headers":{},"statusCode":200}`,
	`{}`,
}

// unusual ones are encoding/json's: another form, or no JSON.
var unusual = []string{
	`{"StatusCode":200}`, `{"statusCode":200,"statusCode":201}`, `{"statusCode":2e2}`, `{"statusCode":0200}`, `{"statusCode":null}`, `{"statusCode":200,"headers":{"x":1}}`,
	`{"statusCode":200,"body":{"a":1}}`, `{"statusCode":200,"cookies":["a=b"]}`, `{"statusCode":200,"multiValueHeaders":{"a":["b"]}}`, `{"statusCode":200,"other":1}`,
	`{"statusCode":200,"headers":{"\u0078":"1"}}`, `{"statusCode":200,"headers":{"é":"1"}}`, `{"statusCode":200,"body":"\x"}`, `{"statusCode":200,"body":"\u12"}`, `{"statusCode":200,"body":"\u12g4"}`,
	`{"statusCode":200,}`, `{"statusCode":200}}`, `{"statusCode":200`, `{"statusCode":200 "body":"x"}`, `{"body":"x`, `{"body":"x\`, "{\"body\":\"\n\"}", `{"isBase64Encoded":truefalse}`,
	`{"isBase64Encoded":"true"}`, `"text"`, ``, `[]`, `{"statusCode":200}x`, `{"body":nullx}`,
}

func TestQuickForms(t *testing.T) {
	for _, text := range usual {
		if d := new(document); !d.quick([]byte(text)) {
			t.Errorf("%s is not known", text)
		}
		compare(t, []byte(text))
	}
	for _, text := range unusual {
		if d := new(document); d.quick([]byte(text)) {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestQuickIsJSON changes responses here and there: what the quick way takes, encoding/json reads alike.
func TestQuickIsJSON(t *testing.T) {
	all := strings.Split(strings.Join(append(usual, unusual...), "\x00"), "\x00")
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(rapid.SampledFrom(all).Draw(t, "text"))
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(b)).Draw(t, "at")
			until := rapid.IntRange(at, min(len(b), at+3)).Draw(t, "until")
			put := rapid.OneOf(rapid.SampledFrom([]string{"", `"`, `\`, "{", "}", ",", ":", "null", "true", " ", "0", "1", `"x":"y",`, "\xff", "\x01", "é"}), rapid.String()).Draw(t, "put")
			b = append(append(append([]byte{}, b[:at]...), put...), b[until:]...)
		}
		compare(t, b)
	})
}

func compare(t interface{ Fatalf(string, ...any) }, b []byte) {
	var quick, slow document
	if !quick.quick(b) {
		return
	}
	if err := json.Unmarshal(b, &slow); err != nil {
		t.Fatalf("%q is no response: %v", b, err)
	}
	for _, format := range []string{Format1, Format2} {
		have, ok := quick.head(format)
		want, well := slow.head(format)
		if ok != well || !reflect.DeepEqual(have, want) || plain(quick.Body) != plain(slow.Body) || quick.IsBase64Encoded != slow.IsBase64Encoded || len(quick.StatusCode) != len(slow.StatusCode) {
			t.Fatalf("%q is %+v, not %+v", b, quick, slow)
		}
	}
}
