package lambda

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBadJSON(t *testing.T) {
	const token = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	for _, c := range []struct{ in, want string }{
		{`test`, "Unrecognized token 'test': " + token + "\n at [Source: (byte[])\"test\"; line: 1, column: 5]"},
		{`hello world`, "Unrecognized token 'hello': " + token + "\n at [Source: (byte[])\"hello world\"; line: 1, column: 7]"},
		{`{a:1}`, "Unexpected character ('a' (code 97)): was expecting double-quote to start field name\n at [Source: (byte[])\"{a:1}\"; line: 1, column: 3]"},
		{`{`, "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (byte[])\"{\"; line: 1, column: 1])\n at [Source: (byte[])\"{\"; line: 1, column: 2]"},
		{`{"n":`, "Unexpected end-of-input within/between Object entries\n at [Source: (byte[])\"{\"n\":\"; line: 1, column: 6]"},
		{`{"a" 1}`, "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value\n at [Source: (byte[])\"{\"a\" 1}\"; line: 1, column: 7]"},
		{"{\"a\":1\n\"b\":2}", "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries\n at [Source: (byte[])\"{\"a\":1\n\"b\":2}\"; line: 2, column: 2]"},
		{`[1}`, "Unexpected close marker '}': expected ']' (for Array starting at [Source: (byte[])\"[1}\"; line: 1, column: 1])\n at [Source: (byte[])\"[1}\"; line: 1, column: 4]"},
		{`[1,]`, "Unexpected character (']' (code 93)): expected a value\n at [Source: (byte[])\"[1,]\"; line: 1, column: 5]"},
		{`"abc`, "Unexpected end-of-input: was expecting closing quote for a string value\n at [Source: (byte[])\"\"abc\"; line: 1, column: 5]"},
		{"\x9b+-", "Unexpected character ((CTRL-CHAR, code 155)): expected a valid value " + token[len("was expecting "):] + "\n at [Source: (byte[])\"\x9b+-\"; line: 1, column: 2]"},
		{"\xb2", "Unexpected character ('²' (code 178)): expected a valid value " + token[len("was expecting "):] + "\n at [Source: (byte[])\"\xb2\"; line: 1, column: 2]"},
		{"\xd2\x97a", "Invalid UTF-8 start byte 0x97\n at [Source: (byte[])\"\xd2\x97a\"; line: 1, column: 3]"},
		{"1\x84\xe1", "Unexpected character ((CTRL-CHAR, code 132)): Expected space separating root-level values\n at [Source: (byte[])\"1\x84\xe1\"; line: 1, column: 3]"},
		{"0D", "Unexpected character ('D' (code 68)): Expected space separating root-level values\n at [Source: (byte[])\"0D\"; line: 1, column: 3]"},
		{"--ab", "Unexpected character ('-' (code 45)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value\n at [Source: (byte[])\"--ab\"; line: 1, column: 3]"},
		{"{} x", "Unrecognized token 'x': " + token + "\n at [Source: (byte[])\"{} x\"; line: 1, column: 5]"},
		{"{} {}", "Unexpected character ('{' (code 123)): expected a valid value " + token[len("was expecting "):] + "\n at [Source: (byte[])\"{} {}\"; line: 1, column: 5]"},
		{"{é:1}", "Unexpected character ('é' (code 233)): was expecting double-quote to start field name\n at [Source: (byte[])\"{é:1}\"; line: 1, column: 4]"},
		{`'a'`, "Unexpected character (''' (code 39)): expected a valid value " + token[len("was expecting "):] + "\n at [Source: (byte[])\"'a'\"; line: 1, column: 2]"},
	} {
		if got := describeJSON([]byte(c.in)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
	for in, want := range map[string]string{
		"\x1f\x8b":                    `Illegal character ((CTRL-CHAR, code 31)): only regular white space (\r, \n, \t) is allowed between tokens`,
		`{"a":NaN}`:                   "Non-standard token 'NaN': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow\n at [Source: (byte[])\"{\"a\":NaN}\"; line: 1, column: 9]",
		"[-Infinity]":                 "Non-standard token '-Infinity'",
		"NaNa":                        "Unrecognized token 'NaNa'",
		"{\"a\":\x00}":                "Illegal character ((CTRL-CHAR, code 0))",
		"\"a\xff\"":                   "Invalid UTF-8 start byte 0xff",
		"\"a\xc3(\"":                  "Invalid UTF-8 middle byte 0x28",
		"\"a\xe2\x82(\"":              "Invalid UTF-8 middle byte 0x28",
		"01":                          "Invalid numeric value: Leading zeroes not allowed",
		`"\x"`:                        "Unrecognized character escape 'x' (code 120)",
		" ":                           "No content to map due to end-of-input",
		strings.Repeat("x", 1000):     strings.Repeat("x", 244) + "\"[truncated 500 bytes]; line: 1, column: 257]",
		strings.Repeat("y", 300):      "Unrecognized token '" + strings.Repeat("y", 256) + "...': was",
		"{\"a\": \"" + "b\nc" + "\"}": "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value",
	} {
		if got := describeJSON([]byte(in)); !strings.Contains(got, want) {
			t.Errorf("%.20q: %s", in, got)
		}
	}
}

// What is JSON is not complained of, and what is not always is.
func FuzzBadJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,true,null,"\u00e9é"],"b":{}}`, `[]`, ` "x" `, `tru`, `{"a":}`, `1.`, `-`, `1e`, `[1 2]`, "\xc3", `{"a":1}}`, `"\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if good := json.Valid(b) && utf8.Valid(b); good != (describeJSON(b) == "") {
			t.Fatalf("%q: %q", b, describeJSON(b))
		}
	})
}
