package asl

import (
	"fmt"

	"sundog/internal/pattern"
	"sundog/lang/jsonpath"
)

func (c *compiler) choices(s *State, o *jsonpath.Object, at string, checked bool) {
	s.Default, _ = c.str(o, at, "Default")
	if l := c.list(o, at, "Choices"); len(l) == 0 {
		c.schema(at, "These fields are required: [Choices]")
	}
	for i, r := range c.objects(o, at, "Choices") {
		loc := fmt.Sprintf("%s/Choices[%d]", at, i)
		parsed := c.rule(r, loc, 0)
		parsed.Next, _ = c.str(r, loc, "Next")
		if parsed.Next == "" && checked {
			c.schema(loc, "These fields are required: [Next]")
		}
		parsed.Assign = c.assign(r, loc)
		s.Choices = append(s.Choices, parsed)
	}
}

func (c *compiler) rule(o *jsonpath.Object, at string, depth int) rule {
	var r rule
	if depth > maxNesting {
		c.schema(at, "Choice rules are nested more than %d deep", maxNesting)
		return r
	}
	tests := 0
	for k, v := range o.All() {
		switch k {
		case "Next", "Assign":
			if depth > 0 {
				c.schema(at, "Field '%s' is not supported", k)
			}
			continue
		case "Comment":
			continue
		case "Variable":
			r.variable = c.path(o, at, k)
			continue
		case "And":
			r.And = c.rules(o, at, k, depth)
		case "Or":
			r.Or = c.rules(o, at, k, depth)
		case "Not":
			if inner := c.object(o, at, k); inner != nil {
				not := c.rule(inner, at+"/Not", depth+1)
				r.Not = &not
			}
		default:
			if !c.comparison(&r, o, at, k, v) {
				c.schema(at, "Field '%s' is not supported", k)
				continue
			}
		}
		tests++
	}
	if tests != 1 {
		c.schema(at, "A choice rule must have exactly one comparison operator")
	}
	if r.op.kind != "" && r.variable == nil {
		c.schema(at, "These fields are required: [Variable]")
		r.variable = &expr{text: "$", path: identity}
	}
	return r
}

func (c *compiler) rules(o *jsonpath.Object, at, key string, depth int) []rule {
	out := []rule{}
	for i, e := range c.objects(o, at, key) {
		out = append(out, c.rule(e, fmt.Sprintf("%s/%s[%d]", at, key, i), depth+1))
	}
	if len(out) == 0 {
		c.schema(at+"/"+key, "A list of rules must not be empty")
	}
	return out
}

func (c *compiler) comparison(r *rule, o *jsonpath.Object, at, key string, v any) bool {
	op, path, ok := parseOperator(key)
	if !ok {
		return false
	}
	r.op = op
	if path {
		r.valueAt = c.path(o, at, key)
		return true
	}
	want := map[string]string{"String": "string", "Numeric": "number", "Boolean": "boolean", "Timestamp": "string", "Is": "boolean"}[op.kind]
	if jsonpath.TypeName(v) != want {
		c.schema(at+"/"+key, "Expected value of type %s", map[string]string{"string": "String", "number": "Number", "boolean": "Boolean"}[want])
	}
	if s, ok := v.(string); ok && op.kind == "Timestamp" {
		if _, err := parseTimestamp(s); err != nil {
			c.schema(at+"/"+key, "%s", err)
		}
	}
	r.value = v
	return true
}

var retryFields = fields("ErrorEquals Comment IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy")

func (c *compiler) retriers(o *jsonpath.Object, at string) []Retrier {
	var out []Retrier
	list := c.objects(o, at, "Retry")
	for i, e := range list {
		loc := fmt.Sprintf("%s/Retry[%d]", at, i)
		c.known(e, loc, retryFields)
		r := Retrier{Errors: c.errorNames(e, loc, i == len(list)-1), MaxAttempts: 3, Interval: 1, Backoff: c.float(e, loc, "BackoffRate", 2, 1)}
		if n := c.integer(e, loc, "IntervalSeconds", 1, 99999999); n != nil {
			r.Interval = float64(*n)
		}
		if n := c.integer(e, loc, "MaxAttempts", 0, 99999999); n != nil {
			r.MaxAttempts = int(*n)
		}
		if n := c.integer(e, loc, "MaxDelaySeconds", 1, 31622400); n != nil {
			r.MaxDelay = float64(*n)
		}
		switch j, _ := c.str(e, loc, "JitterStrategy"); j {
		case "", "NONE":
		case "FULL":
			r.FullJitter = true
		default:
			c.schema(loc+"/JitterStrategy", "Value is not one of the allowed values [FULL, NONE]")
		}
		out = append(out, r)
	}
	return out
}

var catchFields = fields("ErrorEquals Comment Next ResultPath Assign")

func (c *compiler) catchers(o *jsonpath.Object, at string) []Catcher {
	var out []Catcher
	list := c.objects(o, at, "Catch")
	for i, e := range list {
		loc := fmt.Sprintf("%s/Catch[%d]", at, i)
		c.known(e, loc, catchFields)
		k := Catcher{Errors: c.errorNames(e, loc, i == len(list)-1), result: c.resultPath(e, loc), Assign: c.assign(e, loc)}
		if k.Next, _ = c.str(e, loc, "Next"); k.Next == "" {
			c.schema(loc, "These fields are required: [Next]")
		}
		out = append(out, k)
	}
	return out
}

func (c *compiler) errorNames(o *jsonpath.Object, at string, last bool) []string {
	var out []string
	for _, v := range c.list(o, at, "ErrorEquals") {
		s, ok := v.(string)
		if !ok {
			c.schema(at+"/ErrorEquals", "Expected value of type String")
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		c.schema(at, "These fields are required: [ErrorEquals]")
	}
	for _, s := range out {
		if s == ErrAll && (len(out) > 1 || !last) {
			c.schema(at+"/ErrorEquals", "States.ALL must appear alone and in the last entry")
		}
	}
	return out
}

// inner compiles the branches of a Parallel or the processor of a Map.
func (c *compiler) inner(s *State, o *jsonpath.Object, at string, depth *int) {
	d := 0
	if depth != nil {
		d = *depth
	}
	if s.Type == Parallel {
		if l := c.list(o, at, "Branches"); len(l) == 0 {
			c.schema(at, "These fields are required: [Branches]")
		}
		for i, b := range c.objects(o, at, "Branches") {
			s.Branches = append(s.Branches, c.machine(b, fmt.Sprintf("%s/Branches[%d]", at, i), d+1))
		}
		return
	}
	c.mapState(s, o, at, d)
}

// labels may not hold these, nor control characters.
var badLabel = pattern.New(`[\s?*<>{}\[\]:;,\\|^~$#%&` + "`" + `"/\x00-\x1f\x7f-\x9f]`)

func (c *compiler) mapState(s *State, o *jsonpath.Object, at string, depth int) {
	key := "ItemProcessor"
	if _, ok := o.Get(key); !ok {
		key = "Iterator"
	}
	processor := c.object(o, at, key)
	if processor == nil {
		c.schema(at, "These fields are required: [ItemProcessor]")
		return
	}
	mode := "INLINE"
	if config := c.object(processor, at+"/"+key, "ProcessorConfig"); config != nil {
		c.known(config, at+"/"+key+"/ProcessorConfig", []string{"Mode", "ExecutionType"})
		if m, ok := c.str(config, at+"/"+key+"/ProcessorConfig", "Mode"); ok {
			mode = m
		}
		if mode != "INLINE" && mode != "DISTRIBUTED" {
			c.schema(at+"/"+key+"/ProcessorConfig/Mode", "Value is not one of the allowed values [INLINE, DISTRIBUTED]")
		}
	}
	if mode == "DISTRIBUTED" {
		c.refuse("Distributed Map (ProcessorConfig Mode DISTRIBUTED)")
	}
	if label, ok := c.str(o, at, "Label"); ok {
		if bad := badLabel.FindString(label); bad != "" {
			c.schema(at+"/Label", "Label contains invalid character: '%s'", bad)
		} else if len(label) > 40 {
			c.schema(at+"/Label", "Label cannot exceed 40 characters")
		}
	}
	for _, f := range fields("ItemReader ItemBatcher ResultWriter Label ToleratedFailureCount ToleratedFailureCountPath ToleratedFailurePercentage ToleratedFailurePercentagePath") {
		if _, ok := o.Get(f); ok && mode == "INLINE" {
			c.schema(at, "Field '%s' is only supported for Distributed Map states", f)
		}
	}
	s.items = c.path(o, at, "ItemsPath")
	s.itemSelector = c.template(o, at, "ItemSelector")
	if s.itemSelector == nil {
		s.itemSelector = s.Parameters
	} else if s.Parameters != nil {
		c.schema(at, "'ItemSelector' and 'Parameters' are mutually exclusive")
	}
	s.Parameters = nil
	s.maxConcurrency = c.duration(o, at, "MaxConcurrency", 0, 99999999)
	c.nataState = false
	s.Processor = c.machine(processor, at+"/"+key, depth+1)
}
