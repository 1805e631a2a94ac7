package asl

import (
	"crypto/md5"  //nolint:gosec // States.Hash offers it
	"crypto/sha1" //nolint:gosec // States.Hash offers it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"sundog/lang/jsonpath"
)

type intrinsic func(env Env, args []any) (any, error)

// signature is a function with the least and the most arguments that it takes; -1: no upper limit.
type signature struct {
	fn       intrinsic
	min, max int
}

var intrinsics = map[string]signature{
	"States.Array":          {array, 0, -1},
	"States.ArrayPartition": {arrayPartition, 2, 2},
	"States.ArrayContains":  {arrayContains, 2, 2},
	"States.ArrayRange":     {arrayRange, 3, 3},
	"States.ArrayGetItem":   {arrayGetItem, 2, 2},
	"States.ArrayLength":    {arrayLength, 1, 1},
	"States.ArrayUnique":    {arrayUnique, 1, 1},
	"States.Base64Encode":   {base64Encode, 1, 1},
	"States.Base64Decode":   {base64Decode, 1, 1},
	"States.Format":         {format, 1, -1},
	"States.Hash":           {hash, 2, 2},
	"States.JsonMerge":      {jsonMerge, 3, 3},
	"States.JsonToString":   {jsonToString, 1, 1},
	"States.StringToJson":   {stringToJSON, 1, 1},
	"States.MathAdd":        {mathAdd, 2, 2},
	"States.MathRandom":     {mathRandom, 2, 3},
	"States.StringSplit":    {stringSplit, 2, 2},
	"States.UUID":           {uuid, 0, 0},
}

// maxList bounds the arrays that functions make; States.ArrayRange documents 1,000 elements, States.Hash 10,000 characters.
const (
	maxRange = 1000
	maxHash  = 10_000
)

func list(v any) ([]any, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("an array was expected, but the argument is of type %s", jsonpath.TypeName(v))
	}
	return l, nil
}

func str(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("a string was expected, but the argument is of type %s", jsonpath.TypeName(v))
	}
	return s, nil
}

// integer takes a number; one that is not whole is rounded, as Step Functions does.
func integer(v any) (int64, error) {
	n, ok := v.(jsonpath.Number)
	if !ok {
		return 0, fmt.Errorf("a number was expected, but the argument is of type %s", jsonpath.TypeName(v))
	}
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || f > 1<<53 || f < -(1<<53) {
		return 0, fmt.Errorf("the number %s is out of range", n)
	}
	if f < 0 {
		return int64(f - 0.5), nil
	}
	return int64(f + 0.5), nil
}

func number(i int64) jsonpath.Number { return jsonpath.Number(strconv.FormatInt(i, 10)) }

func array(_ Env, args []any) (any, error) { return append([]any{}, args...), nil }

func arrayPartition(_ Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	n, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, errors.New("the size of the chunks must be a positive number")
	}
	out := []any{}
	for len(l) > 0 {
		k := int(min(int64(len(l)), n))
		out = append(out, append([]any{}, l[:k]...))
		l = l[k:]
	}
	return out, nil
}

func arrayContains(_ Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	for _, e := range l {
		if jsonpath.Equal(e, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayRange(_ Env, args []any) (any, error) {
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = integer(args[i]); err != nil {
			return nil, err
		}
	}
	first, last, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, errors.New("the step of a range cannot be zero")
	}
	out := []any{}
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if len(out) == maxRange {
			return nil, fmt.Errorf("the range has more than %d elements", maxRange)
		}
		out = append(out, number(i))
	}
	return out, nil
}

func arrayGetItem(_ Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	i, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(l)) {
		return nil, fmt.Errorf("the index %d is out of the array's bounds", i)
	}
	return l[i], nil
}

func arrayLength(_ Env, args []any) (any, error) {
	l, err := list(args[0])
	return number(int64(len(l))), err
}

func arrayUnique(_ Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	seen := map[string]bool{}
	for _, e := range l {
		if !jsonpath.Fits(e, 2*MaxData) {
			return nil, errors.New("an element of the array is too large")
		}
		key := jsonpath.Text(e)
		if n, ok := e.(jsonpath.Number); ok {
			if f, err := n.Float64(); err == nil && f < 1<<53 && f > -(1<<53) {
				key = strconv.FormatFloat(f, 'g', -1, 64)
			}
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, e)
		}
	}
	return out, nil
}

func base64Encode(_ Env, args []any) (any, error) {
	s, err := str(args[0])
	if len(s) > maxHash {
		return nil, errors.New("the data must not be longer than 10000 characters")
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

func base64Decode(_ Env, args []any) (any, error) {
	s, err := str(args[0])
	if err != nil {
		return nil, err
	}
	if len(s) > maxHash {
		return nil, errors.New("the data must not be longer than 10000 characters")
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("the data is not valid Base64")
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), nil
}

// format replaces each {} of the template by an argument: in the order of the placeholders.
func format(_ Env, args []any) (any, error) {
	t, err := str(args[0])
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	rest := args[1:]
	for i := 0; i < len(t); i++ {
		switch {
		case t[i] == '\\' && i+1 < len(t) && (t[i+1] == '{' || t[i+1] == '}' || t[i+1] == '\\'):
			i++
			b.WriteByte(t[i])
		case t[i] == '{' && i+1 < len(t) && t[i+1] == '}':
			if len(rest) == 0 {
				return nil, errors.New("the template has more placeholders than there are arguments")
			}
			if b.Len() > 2*MaxData || !jsonpath.Fits(rest[0], MaxData) {
				return nil, errors.New("the result is too large")
			}
			b.WriteString(shown(rest[0]))
			rest = rest[1:]
			i++
		case t[i] == '{' || t[i] == '}':
			return nil, errors.New("the template has a brace that is neither escaped nor a placeholder")
		default:
			b.WriteByte(t[i])
		}
	}
	if len(rest) > 0 {
		return nil, errors.New("the template has fewer placeholders than there are arguments")
	}
	return b.String(), nil
}

// shown is a value as Format prints it: strings bare, objects as Java's maps, everything else as JSON.
func shown(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case *jsonpath.Object:
		parts := make([]string, 0, x.Len())
		for k, e := range x.All() {
			parts = append(parts, k+"="+shown(e))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return jsonpath.Text(v)
}

func hash(_ Env, args []any) (any, error) {
	if !jsonpath.Fits(args[0], 2*maxHash) {
		return nil, errors.New("the data must not be longer than 10000 characters")
	}
	data, ok := args[0].(string)
	if !ok {
		data = jsonpath.Text(args[0])
	}
	if len(data) > maxHash {
		return nil, errors.New("the data must not be longer than 10000 characters")
	}
	algorithm, err := str(args[1])
	if err != nil {
		return nil, err
	}
	var sum []byte
	switch algorithm {
	case "MD5":
		s := md5.Sum([]byte(data)) //nolint:gosec // asked for
		sum = s[:]
	case "SHA-1":
		s := sha1.Sum([]byte(data)) //nolint:gosec // asked for
		sum = s[:]
	case "SHA-256":
		s := sha256.Sum256([]byte(data))
		sum = s[:]
	case "SHA-384":
		s := sha512.Sum384([]byte(data))
		sum = s[:]
	case "SHA-512":
		s := sha512.Sum512([]byte(data))
		sum = s[:]
	default:
		return nil, fmt.Errorf("the algorithm %q is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512", algorithm)
	}
	return hex.EncodeToString(sum), nil
}

func jsonMerge(_ Env, args []any) (any, error) {
	a, ok1 := args[0].(*jsonpath.Object)
	b, ok2 := args[1].(*jsonpath.Object)
	if !ok1 || !ok2 {
		return nil, errors.New("two objects were expected")
	}
	if deep, ok := args[2].(bool); !ok || deep {
		return nil, errors.New("only the shallow merge is supported: the third argument must be false")
	}
	out := a.Clone()
	for k, v := range b.All() {
		out.Set(k, v)
	}
	return out, nil
}

func jsonToString(_ Env, args []any) (any, error) {
	if !jsonpath.Fits(args[0], 2*MaxData) {
		return nil, errors.New("the result is too large")
	}
	return jsonpath.Text(args[0]), nil
}

func stringToJSON(_ Env, args []any) (any, error) {
	s, err := str(args[0])
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	return jsonpath.Parse(s)
}

func mathAdd(_ Env, args []any) (any, error) {
	a, err := integer(args[0])
	if err != nil {
		return nil, err
	}
	b, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	return number(a + b), nil
}

// mathRandom gives an integer from start (included) to end (excluded); a seed makes it repeatable.
func mathRandom(env Env, args []any) (any, error) {
	lo, err := integer(args[0])
	if err != nil {
		return nil, err
	}
	hi, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	if hi <= lo {
		return nil, errors.New("the end of the range must be greater than its start")
	}
	f := env.Random
	if len(args) == 3 {
		seed, err := integer(args[2])
		if err != nil {
			return nil, err
		}
		f = rand.New(rand.NewPCG(uint64(seed), 0)).Float64 //nolint:gosec // repeatable by definition
	}
	return number(lo + int64(f()*float64(hi-lo))), nil
}

// stringSplit splits at every character of the second string; empty parts are left out.
func stringSplit(_ Env, args []any) (any, error) {
	s, err := str(args[0])
	if err != nil {
		return nil, err
	}
	separators, err := str(args[1])
	if err != nil {
		return nil, err
	}
	if separators == "" {
		return []any{s}, nil
	}
	out := []any{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		out = append(out, part)
	}
	return out, nil
}

func uuid(env Env, _ []any) (any, error) { return env.UUID(), nil }
