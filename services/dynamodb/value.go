package dynamodb

import (
	api "sundog/api/dynamodb"
	"sundog/lang/ddbexpr"
)

// maxNesting is the deepest nesting of attribute values.
const maxNesting = 32

// itemOf checks and converts the attributes of a request.
func itemOf(m map[string]api.AttributeValue) (ddbexpr.Item, error) {
	fields := make([]ddbexpr.Field, 0, len(m))
	for name, av := range m {
		v, err := valueOf(&av, 0)
		if err != nil {
			return nil, err
		}
		fields = append(fields, ddbexpr.Field{Name: name, Value: v})
	}
	return ddbexpr.Sorted(fields), nil
}

// valueOf checks and converts one attribute value.
func valueOf(av *api.AttributeValue, depth int) (ddbexpr.Value, error) {
	if depth > maxNesting {
		return ddbexpr.Value{}, errValidation("Nesting Levels have exceeded supported limits")
	}
	v, n, err := scalarOf(av)
	if err != nil {
		return v, err
	}
	convert := func(is bool, f func() (ddbexpr.Value, error)) {
		if is && err == nil {
			n++
			v, err = f()
		}
	}
	if n == 0 || av.SS != nil || av.NS != nil || av.BS != nil || av.M != nil || av.L != nil {
		convert(av.SS != nil, func() (ddbexpr.Value, error) { return ddbexpr.StringSet(av.SS) })
		convert(av.NS != nil, func() (ddbexpr.Value, error) { return ddbexpr.NumberSet(av.NS) })
		convert(av.BS != nil, func() (ddbexpr.Value, error) { return ddbexpr.BinarySet(av.BS) })
		convert(av.M != nil, func() (ddbexpr.Value, error) { return mapOf(av.M, depth+1) })
		convert(av.L != nil, func() (ddbexpr.Value, error) { return listOf(av.L, depth+1) })
	}
	if err != nil {
		return v, err
	}
	if n != 1 {
		return v, ddbexpr.OneKind(n)
	}
	return v, nil
}

// scalarOf converts S, N, B, BOOL and NULL and gives how many of them are set.
func scalarOf(av *api.AttributeValue) (v ddbexpr.Value, n int, err error) {
	if av.S != nil {
		v, n = ddbexpr.String(*av.S), n+1
	}
	if av.N != nil {
		n++
		if v, err = ddbexpr.Number(*av.N); err != nil {
			return v, n, err
		}
	}
	if av.B != nil {
		v, n = ddbexpr.Binary(av.B), n+1
	}
	if av.BOOL != nil {
		v, n = ddbexpr.Boolean(*av.BOOL), n+1
	}
	if av.NULL != nil {
		if !*av.NULL {
			return v, n, errInvalid("Null attribute value types must have the value of true")
		}
		v, n = ddbexpr.Null(), n+1
	}
	return v, n, nil
}

func mapOf(m map[string]api.AttributeValue, depth int) (ddbexpr.Value, error) {
	fields := make([]ddbexpr.Field, 0, len(m))
	for name, av := range m {
		v, err := valueOf(&av, depth)
		if err != nil {
			return v, err
		}
		fields = append(fields, ddbexpr.Field{Name: name, Value: v})
	}
	return ddbexpr.MapOf(ddbexpr.Sorted(fields)), nil
}

func listOf(l []api.AttributeValue, depth int) (ddbexpr.Value, error) {
	vs := make([]ddbexpr.Value, len(l))
	for i := range l {
		v, err := valueOf(&l[i], depth)
		if err != nil {
			return v, err
		}
		vs[i] = v
	}
	return ddbexpr.ListOf(vs...), nil
}

func valuesOf(l []api.AttributeValue) ([]ddbexpr.Value, error) {
	if l == nil {
		return nil, nil
	}
	v, err := listOf(l, 0)
	return v.List, err
}

var yes = true

// attributes gives an item as the API shows it; nil for no item. The answer refers to the item.
func attributes(it ddbexpr.Item) map[string]api.AttributeValue {
	if it == nil {
		return nil
	}
	m := make(map[string]api.AttributeValue, len(it))
	for i := range it {
		var av api.AttributeValue
		show(&it[i].Value, &av)
		m[it[i].Name] = av
	}
	return m
}

func show(v *ddbexpr.Value, av *api.AttributeValue) {
	switch v.Kind {
	case ddbexpr.S:
		av.S = &v.Text
	case ddbexpr.N:
		av.N = &v.Text
	case ddbexpr.B:
		av.B = []byte(v.Text)
	case ddbexpr.BOOL:
		av.BOOL = &v.Bool
	case ddbexpr.NULL:
		av.NULL = &yes
	case ddbexpr.SS:
		av.SS = texts(v.List)
	case ddbexpr.NS:
		av.NS = texts(v.List)
	case ddbexpr.BS:
		av.BS = make([][]byte, len(v.List))
		for i := range v.List {
			av.BS[i] = []byte(v.List[i].Text)
		}
	case ddbexpr.L:
		av.L = make([]api.AttributeValue, len(v.List))
		for i := range v.List {
			show(&v.List[i], &av.L[i])
		}
	case ddbexpr.M:
		if av.M = attributes(v.Map); av.M == nil {
			av.M = map[string]api.AttributeValue{}
		}
	}
}

func texts(vs []ddbexpr.Value) []string {
	out := make([]string, len(vs))
	for i := range vs {
		out[i] = vs[i].Text
	}
	return out
}
