package ddbexpr

import (
	"bytes"
	"cmp"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNumbers(t *testing.T) {
	nines := strings.Repeat("9", 38)
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "000": "0", "0.0e5": "0", "+1": "1", "1.0": "1", "1e2": "100", "1E-2": "0.01", "-00120.500": "-120.5", ".5": "0.5", "5.": "5",
		nines: nines, "0." + nines: "0." + nines, "1e125": "1" + strings.Repeat("0", 125), "1e-130": "0." + strings.Repeat("0", 129) + "1",
		"9.9e125": "99" + strings.Repeat("0", 124), nines + "000": nines + "000", "10e-1": "1", "0.00100": "0.001",
		"":                   "! The parameter cannot be converted to a numeric value",
		"abc":                "! The parameter cannot be converted to a numeric value: abc",
		"1e":                 "! The parameter cannot be converted to a numeric value: 1e",
		"1.2.3":              "! The parameter cannot be converted to a numeric value: 1.2.3",
		".":                  "! The parameter cannot be converted to a numeric value: .",
		"NaN":                "! The parameter cannot be converted to a numeric value: NaN",
		" 1":                 "! The parameter cannot be converted to a numeric value:  1",
		nines + "9":          "! Attempting to store more than 38 significant digits in a Number",
		"1e126":              "! Number overflow. Attempting to store a number with magnitude larger than supported range",
		"-1e999999999999999": "! Number overflow. Attempting to store a number with magnitude larger than supported range",
		"1e-131":             "! Number underflow. Attempting to store a number with magnitude smaller than supported range",
	} {
		v, err := Number(in)
		got := v.Text
		if err != nil {
			got = "! " + message(err)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for js, want := range map[string]int{
		`{"a":{"S":"é"}}`: 3, `{"a":{"N":"100"}}`: 3, `{"a":{"N":"-123"}}`: 5, `{"ab":{"NULL":true}}`: 3, `{"a":{"B":"YWJj"}}`: 4,
		`{"a":{"L":[]}}`: 4, `{"a":{"M":{"b":{"S":"x"}}}}`: 1 + 3 + 1 + 2, `{"a":{"SS":["x","yy"]}}`: 4, `{"a":{"N":"0"}}`: 2,
	} {
		if got := item(t, js).Size(); got != want {
			t.Errorf("%s: %d, want %d", js, got, want)
		}
	}
}

func TestInvalidValues(t *testing.T) {
	for js, want := range map[string]string{
		`{}`:                     "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
		`{"S":"a","N":"1"}`:      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
		`{"SS":[]}`:              "One or more parameter values were invalid: An string set  may not be empty",
		`{"SS":["b","a","b"]}`:   "One or more parameter values were invalid: Input collection [b, a, b] contains duplicates.",
		`{"NS":["1","1.0"]}`:     "Input collection contains duplicates",
		`{"BS":["Yg==","Yg=="]}`: "One or more parameter values were invalid: Input collection [Yg==, Yg==]of type BS contains duplicates.",
		`{"SS":[""]}`:            "One or more parameter values were invalid: An string set may not have a empty string as a member",
	} {
		var v Value
		if got := message(v.UnmarshalJSON([]byte(js))); got != want {
			t.Errorf("%s\n got %s\nwant %s", js, got, want)
		}
	}
}

func genNumber(t *rapid.T, label string) Value {
	digits := rapid.StringMatching(`-?[0-9]{1,38}`).Draw(t, label)
	e := rapid.IntRange(-130, 87).Draw(t, label+" exponent")
	v, err := Number(digits + "e" + big.NewInt(int64(e)).String())
	if err != nil {
		t.Skip(err)
	}
	return v
}

func TestNumberKeysKeepOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genNumber(t, "a"), genNumber(t, "b")
		x, _ := new(big.Rat).SetString(a.Text)
		y, _ := new(big.Rat).SetString(b.Text)
		ka, kb := AppendOrdered(nil, a), AppendOrdered(nil, b)
		if want := x.Cmp(y); bytes.Compare(ka, kb) != want || Compare(a, b) != want {
			t.Fatalf("%s and %s: keys %d, values %d, want %d", a.Text, b.Text, bytes.Compare(ka, kb), Compare(a, b), want)
		}
		back, rest, err := ReadOrdered(append(ka, 'x'), N)
		if err != nil || !back.Equal(a) || string(rest) != "x" {
			t.Fatalf("%s came back as %s, %q, %v", a.Text, back.Text, rest, err)
		}
	})
}

// TestSums compares sums and differences with those of rational numbers; what needs more than 38 digits is refused.
func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, minus := genNumber(t, "a"), genNumber(t, "b"), rapid.Bool().Draw(t, "minus")
		x, _ := new(big.Rat).SetString(a.Text)
		y, _ := new(big.Rat).SetString(b.Text)
		if minus {
			y.Neg(y)
		}
		digits, exactly := x.Add(x, y).FloatPrec()
		want, wantErr := Number(x.FloatString(digits))
		got, err := sum(a, b, minus)
		if !exactly || (err == nil) != (wantErr == nil) || err != nil && message(err) != message(wantErr) || err == nil && got.Text != want.Text {
			t.Fatalf("%s, %s, minus %t: got %s %v, want %s %v", a.Text, b.Text, minus, got.Text, err, want.Text, wantErr)
		}
	})
}

func TestStringKeysKeepOrder(t *testing.T) {
	gen := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0xfe, 0xff}), 0, 6)
	rapid.Check(t, func(t *rapid.T) {
		a, b := Binary(gen.Draw(t, "a")), Binary(gen.Draw(t, "b"))
		ka, kb := AppendOrdered(nil, a), AppendOrdered(nil, b)
		if bytes.Compare(append(ka, 'x'), append(kb, 'a')) != cmp.Compare(a.Text, b.Text) && a.Text != b.Text {
			t.Fatalf("%q and %q", a.Text, b.Text)
		}
		if strings.HasPrefix(a.Text, b.Text) != bytes.HasPrefix(ka, AppendOrderedPrefix(nil, b.Text)) {
			t.Fatalf("prefix %q of %q", b.Text, a.Text)
		}
		for _, c := range []struct {
			key  []byte
			read func([]byte, Kind) (Value, []byte, error)
		}{{ka, ReadOrdered}, {AppendPlain(nil, a), ReadPlain}} {
			if v, rest, err := c.read(append(bytes.Clone(c.key), 'x'), B); err != nil || !v.Equal(a) || string(rest) != "x" {
				t.Fatalf("%q came back as %q, %q, %v", a.Text, v.Text, rest, err)
			}
		}
	})
}

func genValue(depth int) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		top := 5
		if depth > 0 {
			top = 7
		}
		switch rapid.IntRange(0, top).Draw(t, "kind") {
		case 0:
			return String(rapid.String().Draw(t, "S"))
		case 1:
			return genNumber(t, "N")
		case 2:
			return Binary(rapid.SliceOf(rapid.Byte()).Draw(t, "B"))
		case 3:
			return Boolean(rapid.Bool().Draw(t, "BOOL"))
		case 4:
			return Null()
		case 5:
			v, err := StringSet(rapid.SliceOfNDistinct(rapid.StringN(1, 5, -1), 1, 4, rapid.ID[string]).Draw(t, "SS"))
			if err != nil {
				t.Fatal(err)
			}
			return v
		case 6:
			return ListOf(rapid.SliceOfN(genValue(depth-1), 0, 4).Draw(t, "L")...)
		default:
			return MapOf(genItem(depth-1).Draw(t, "M"))
		}
	})
}

func genItem(depth int) *rapid.Generator[Item] {
	return rapid.Custom(func(t *rapid.T) Item {
		m := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,3}`), genValue(depth), 0, 4).Draw(t, "item")
		var fields []Field
		for k, v := range m {
			fields = append(fields, Field{k, v})
		}
		return Sorted(fields)
	})
}

func TestCodecs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := genItem(3).Draw(t, "item")
		b, err := DecodeItem(it.AppendBinary(nil))
		if err != nil || !b.Equal(it) {
			t.Fatalf("binary: %v", err)
		}
		var j Item
		if err := j.UnmarshalJSON(it.AppendJSON(nil)); err != nil || !j.Equal(it) {
			t.Fatalf("JSON %s: %v", it.AppendJSON(nil), err)
		}
	})
}

func FuzzDecodeItem(f *testing.F) {
	f.Add(item(f, `{"a":{"M":{"b":{"L":[{"S":"x"},{"NULL":true}]}}},"n":{"NS":["1"]}}`).AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := DecodeItem(b)
		if err == nil {
			it.Size()
			it.AppendJSON(nil)
		}
	})
}
