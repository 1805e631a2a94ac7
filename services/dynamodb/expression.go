package dynamodb

import (
	"sort"
	"strings"

	api "sundog/api/dynamodb"
	"sundog/lang/ddbexpr"
)

// conditional is what requests have in common that take a condition, in the new form or the old.
type conditional struct {
	expression *string
	names      map[string]string
	values     map[string]api.AttributeValue
	update     *string

	expected map[string]api.ExpectedAttributeValue
	operator *string
	updates  map[string]api.AttributeValueUpdate
}

// parse gives the condition and update of a request.
func (c *conditional) parse(isUpdate bool) (cond *ddbexpr.Condition, upd *ddbexpr.Update, err error) {
	if c.expression == nil && c.update == nil && c.names == nil && c.values == nil && c.expected == nil && c.updates == nil && c.operator == nil {
		return nil, nil, nil
	}
	if err := c.exclusive(isUpdate); err != nil {
		return nil, nil, err
	}
	if c.expression == nil && c.update == nil {
		return c.parseLegacy()
	}
	p, err := params(c.names, c.values)
	if err != nil {
		return nil, nil, err
	}
	if c.update != nil {
		if upd, err = p.Update(*c.update); err != nil {
			return nil, nil, err
		}
	}
	if c.expression != nil {
		if cond, err = p.Condition("ConditionExpression", *c.expression); err != nil {
			return nil, nil, err
		}
	}
	return cond, upd, p.Unused()
}

func (c *conditional) exclusive(isUpdate bool) error {
	var old, new []string
	if c.updates != nil {
		old = append(old, "AttributeUpdates")
	}
	if c.expected != nil {
		old = append(old, "Expected")
	}
	if c.operator != nil {
		old = append(old, "ConditionalOperator")
	}
	if c.update != nil {
		new = append(new, "UpdateExpression")
	}
	if c.expression != nil {
		new = append(new, "ConditionExpression")
	}
	return exclusive(old, new, c.names, c.values, map[bool]string{true: "UpdateExpression and ConditionExpression are null", false: "ConditionExpression is null"}[isUpdate])
}

// exclusive checks that the old and the new form are not mixed, and that names and values come with expressions.
func exclusive(old, new []string, names map[string]string, values map[string]api.AttributeValue, none string) error {
	if len(old) > 0 && len(new) > 0 {
		return errValidation("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}",
			strings.Join(old, ", "), strings.Join(new, ", "))
	}
	if len(new) > 0 {
		return nil
	}
	if names != nil {
		return errValidation("ExpressionAttributeNames can only be specified when using expressions")
	}
	if values != nil {
		return errValidation("ExpressionAttributeValues can only be specified when using expressions: %s", none)
	}
	return nil
}

func (c *conditional) parseLegacy() (cond *ddbexpr.Condition, upd *ddbexpr.Update, err error) {
	if c.operator != nil {
		if c.expected == nil {
			return nil, nil, errInvalid("ConditionalOperator cannot be used without Filter or Expected")
		}
		if len(c.expected) < 2 {
			return nil, nil, errInvalid("ConditionalOperator can only be used when Filter or Expected has two or more elements")
		}
	}
	expected := make(map[string]ddbexpr.Expectation, len(c.expected))
	for name, e := range c.expected {
		x := ddbexpr.Expectation{Exists: e.Exists}
		if x.Comparator, err = comparator(e.ComparisonOperator, e.AttributeValueList); err != nil {
			return nil, nil, err
		}
		if x.Value, err = optional(e.Value); err != nil {
			return nil, nil, err
		}
		expected[name] = x
	}
	if cond, err = ddbexpr.LegacyExpected(expected, str(c.operator)); err != nil || c.updates == nil {
		return cond, nil, err
	}
	updates := make(map[string]ddbexpr.AttributeUpdate, len(c.updates))
	for name, u := range c.updates {
		x := ddbexpr.AttributeUpdate{Action: str(u.Action)}
		if x.Value, err = optional(u.Value); err != nil {
			return nil, nil, err
		}
		updates[name] = x
	}
	upd, err = ddbexpr.LegacyUpdate(updates)
	return cond, upd, err
}

func comparator(operator *string, values []api.AttributeValue) (ddbexpr.Comparator, error) {
	vs, err := valuesOf(values)
	return ddbexpr.Comparator{Operator: str(operator), Values: vs}, err
}

func optional(av *api.AttributeValue) (*ddbexpr.Value, error) {
	if av == nil {
		return nil, nil
	}
	v, err := valueOf(av, 0)
	return &v, err
}

// params checks the names and values of a request.
func params(names map[string]string, values map[string]api.AttributeValue) (*ddbexpr.Params, error) {
	var vs map[string]ddbexpr.Value
	if values != nil {
		vs = make(map[string]ddbexpr.Value, len(values))
		for name, av := range values {
			v, err := valueOf(&av, 0)
			if err != nil {
				return nil, errValidation("ExpressionAttributeValues contains invalid value: %s for key %s", messageOf(err), name)
			}
			vs[name] = v
		}
	}
	return ddbexpr.NewParams(names, vs)
}

func comparators(m map[string]api.Condition, member string) (map[string]ddbexpr.Comparator, error) {
	out := make(map[string]ddbexpr.Comparator, len(m))
	for name, c := range m {
		if c.ComparisonOperator == nil {
			return nil, errNull(member + "." + name + ".member.comparisonOperator")
		}
		x, err := comparator(c.ComparisonOperator, c.AttributeValueList)
		if err != nil {
			return nil, err
		}
		out[name] = x
	}
	return out, nil
}

// projection parses the projection of a request that has no other expression.
func projection(expression *string, names map[string]string, toGet []string) (*ddbexpr.Projection, error) {
	var old, new []string
	if toGet != nil {
		old = []string{"AttributesToGet"}
	}
	if expression != nil {
		new = []string{"ProjectionExpression"}
	}
	if err := exclusive(old, new, names, nil, ""); err != nil {
		return nil, err
	}
	if expression == nil {
		return legacyProjection(toGet)
	}
	p, err := params(names, nil)
	if err != nil {
		return nil, err
	}
	pr, err := p.Projection(*expression)
	if err != nil {
		return nil, err
	}
	return pr, p.Unused()
}

func legacyProjection(toGet []string) (*ddbexpr.Projection, error) {
	if toGet == nil {
		return nil, nil
	}
	if len(toGet) == 0 {
		return nil, errMember("[]", "attributesToGet", "Member must have length greater than or equal to 1")
	}
	sorted := append([]string(nil), toGet...)
	sort.Strings(sorted)
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return nil, errInvalid("Duplicate value in attribute name: %s", sorted[i])
		}
	}
	return ddbexpr.ProjectNames(toGet), nil
}
