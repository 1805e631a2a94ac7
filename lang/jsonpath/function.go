package jsonpath

import (
	"math"
	"strconv"
	"strings"
)

// function is the call at the end of a path, such as length().
type function struct {
	name string
	args []operand
}

var functionNames = []string{"length", "size", "min", "max", "avg", "sum", "stddev", "keys", "concat", "append", "first", "last", "index"}

// function reads the arguments of a call; the name has been read.
func (c *compiler) function(name string) (*function, error) {
	known := false
	for _, n := range functionNames {
		known = known || n == name
	}
	if !known {
		return nil, c.fail("Function of name: " + name + " cannot be created")
	}
	f := &function{name: name}
	c.i++
	for !c.takes(")") {
		if len(f.args) > 0 && !c.takes(",") {
			return nil, c.badToken()
		}
		o, err := c.operand()
		if err != nil {
			return nil, err
		}
		f.args = append(f.args, o)
	}
	return f, nil
}

func (f *function) call(e *evaluation, v any) (any, error) {
	args, err := f.values(e)
	if err != nil {
		return nil, err
	}
	switch f.name {
	case "length", "size":
		if len(f.args) == 1 {
			v = args[0]
		}
		if n := length(v); n >= 0 {
			return Number(strconv.Itoa(n)), nil
		}
		return nil, nil
	case "keys":
		o, ok := v.(*Object)
		if !ok {
			return nil, nil
		}
		list := make([]any, 0, o.Len())
		for k := range o.All() {
			list = append(list, k)
		}
		return list, nil
	case "concat":
		return concat(v, args), nil
	case "append":
		if list, ok := v.([]any); ok {
			return append(append([]any{}, list...), args...), nil
		}
		return v, nil
	case "first", "last", "index":
		return f.pick(v, args)
	}
	return f.aggregate(v, args)
}

// values evaluates the arguments from the document's root; absent nodes are left out.
func (f *function) values(e *evaluation) ([]any, error) {
	out := make([]any, 0, len(f.args))
	for _, a := range f.args {
		v, ok, err := a.value(e, e.root)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, v)
		}
	}
	return out, nil
}

func concat(v any, args []any) any {
	var b strings.Builder
	var add func(x any) //nolint:staticcheck // it calls itself
	add = func(x any) {
		switch y := x.(type) {
		case string:
			b.WriteString(y)
		case Number:
			b.WriteString(string(y))
		case []any:
			for _, z := range y {
				if s, ok := z.(string); ok {
					b.WriteString(s)
				}
			}
		}
	}
	if list, ok := v.([]any); ok {
		add(list)
	}
	for _, a := range args {
		add(a)
	}
	return b.String()
}

func (f *function) pick(v any, args []any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, &PathError{Msg: "the function " + f.name + "() needs an array"}
	}
	i := 0
	switch f.name {
	case "last":
		i = len(list) - 1
	case "index":
		n, ok := first(args).(Number)
		if !ok {
			return nil, &PathError{Msg: "index() needs a number"}
		}
		k, err := n.Int64()
		if err != nil {
			return nil, &PathError{Msg: "index() needs an integer"}
		}
		if i = int(k); i < 0 {
			i += len(list)
		}
	}
	if i < 0 || i >= len(list) {
		return nil, notFound("No results for the function " + f.name + "()")
	}
	return list[i], nil
}

func first(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// aggregate computes over the numbers in the value and in the arguments; the result is a double, printed as Java does.
func (f *function) aggregate(v any, args []any) (any, error) {
	nums := numbersIn(nil, v, true)
	for _, a := range args {
		nums = numbersIn(nums, a, true)
	}
	if len(nums) == 0 {
		return nil, &PathError{Msg: "Aggregation function attempted to calculate value using empty array"}
	}
	sum, squares, lo, hi := 0.0, 0.0, nums[0], nums[0]
	for _, n := range nums {
		sum += n
		squares += n * n
		lo, hi = min(lo, n), max(hi, n)
	}
	count := float64(len(nums))
	switch f.name {
	case "min":
		sum = lo
	case "max":
		sum = hi
	case "avg":
		sum /= count
	case "stddev":
		mean := sum / count
		sum = math.Sqrt(max(0, squares/count-mean*mean))
	}
	return Double(sum), nil
}

func numbersIn(out []float64, v any, into bool) []float64 {
	switch x := v.(type) {
	case Number:
		if f, err := x.Float64(); err == nil {
			out = append(out, f)
		}
	case []any:
		if into {
			for _, e := range x {
				out = numbersIn(out, e, false)
			}
		}
	}
	return out
}

// Double gives the number of a float: whole values keep one decimal, as Java prints doubles. Values that JSON cannot hold give 0.
func Double(f float64) Number {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "0.0"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-3 || a >= 1e7) {
		s := strconv.FormatFloat(f, 'E', -1, 64)
		mantissa, exp, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exp)
		return Number(mantissa + "E" + strconv.Itoa(n))
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return Number(s)
}
