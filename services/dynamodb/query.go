package dynamodb

import (
	"context"
	"strings"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// common are the members that Query and Scan share.
type common struct {
	table, index, selects, capacity, operator *string
	limit                                     *int32
	toGet                                     []string
	projection, filter                        *string
	legacyFilter                              map[string]api.Condition
	legacyName                                string // QueryFilter, ScanFilter
	start                                     map[string]api.AttributeValue
	names                                     map[string]string
	values                                    map[string]api.AttributeValue
	consistent                                *bool

	keyExpression *string
	keyConditions map[string]api.Condition
}

// query serves Query.
func (s *service) query(ctx context.Context, in *api.QueryInput) (*api.QueryOutput, error) {
	q, err := s.reading(ctx, &common{table: in.TableName, index: in.IndexName, selects: in.Select, capacity: in.ReturnConsumedCapacity,
		operator: in.ConditionalOperator, limit: in.Limit, toGet: in.AttributesToGet, projection: in.ProjectionExpression,
		filter: in.FilterExpression, legacyFilter: in.QueryFilter, legacyName: "QueryFilter", start: in.ExclusiveStartKey,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, consistent: in.ConsistentRead,
		keyExpression: in.KeyConditionExpression, keyConditions: in.KeyConditions}, true)
	if err != nil {
		return nil, err
	}
	q.reverse = in.ScanIndexForward != nil && !*in.ScanIndexForward
	p, err := s.page(ctx, q)
	if err != nil {
		return nil, err
	}
	return &api.QueryOutput{Items: p.items, Count: &p.count, ScannedCount: &p.scanned, LastEvaluatedKey: attributes(p.last), ConsumedCapacity: p.consumed(q)}, nil
}

// scan serves Scan.
func (s *service) scan(ctx context.Context, in *api.ScanInput) (*api.ScanOutput, error) {
	q, err := s.reading(ctx, &common{table: in.TableName, index: in.IndexName, selects: in.Select, capacity: in.ReturnConsumedCapacity,
		operator: in.ConditionalOperator, limit: in.Limit, toGet: in.AttributesToGet, projection: in.ProjectionExpression,
		filter: in.FilterExpression, legacyFilter: in.ScanFilter, legacyName: "ScanFilter", start: in.ExclusiveStartKey,
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, consistent: in.ConsistentRead}, false)
	if err != nil {
		return nil, err
	}
	if err := q.setSegment(in.Segment, in.TotalSegments); err != nil {
		return nil, err
	}
	p, err := s.page(ctx, q)
	if err != nil {
		return nil, err
	}
	return &api.ScanOutput{Items: p.items, Count: &p.count, ScannedCount: &p.scanned, LastEvaluatedKey: attributes(p.last), ConsumedCapacity: p.consumed(q)}, nil
}

func (s *service) page(ctx context.Context, q *reading) (p *page, err error) {
	err = s.view(ctx, func(r store.Reader) error {
		p, err = s.read(r, q)
		return err
	})
	if err == nil && p.items == nil && q.selects != "COUNT" {
		p.items = []map[string]api.AttributeValue{}
	}
	return p, err
}

const maxSegments = 1_000_000

func (q *reading) setSegment(segment, total *int32) error {
	if err := first(checkMin("segment", segment, 0), checkMax("segment", segment, maxSegments-1),
		checkMin("totalSegments", total, 1), checkMax("totalSegments", total, maxSegments)); err != nil {
		return err
	}
	switch {
	case segment == nil && total == nil:
		return nil
	case total == nil:
		return errValidation("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case segment == nil:
		return errValidation("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *segment >= *total:
		return errValidation("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *segment, *total)
	}
	q.segment, q.segments = int(*segment), int(*total)
	return nil
}

// reading checks the members that Query and Scan share.
func (s *service) reading(ctx context.Context, c *common, isQuery bool) (*reading, error) {
	at, err := refOf(ctx, c.table)
	if err != nil {
		return nil, err
	}
	if c.index != nil {
		if err := checkName("indexName", *c.index); err != nil {
			return nil, err
		}
	}
	if err := first(checkEnum("returnConsumedCapacity", c.capacity, capacityModes...), checkMin("limit", c.limit, 1),
		checkEnum("conditionalOperator", c.operator, conditionJoints...)); err != nil {
		return nil, err
	}
	q := &reading{at: at, indexName: str(c.index), selects: str(c.selects), consistent: is(c.consistent), capacity: c.capacity}
	if c.limit != nil {
		q.limit = int(*c.limit)
	}
	if err := c.exclusive(isQuery); err != nil {
		return nil, err
	}
	if err := c.expressions(q, isQuery); err != nil {
		return nil, err
	}
	if c.start != nil {
		if q.start, err = itemOf(c.start); err != nil {
			return nil, errValidation("The provided starting key is invalid: %s", messageOf(err))
		}
	}
	return q, q.selection()
}

func (c *common) exclusive(isQuery bool) error {
	var old, new []string
	add := func(is bool, to *[]string, name string) {
		if is {
			*to = append(*to, name)
		}
	}
	add(c.keyConditions != nil, &old, "KeyConditions")
	add(c.legacyFilter != nil, &old, c.legacyName)
	add(c.toGet != nil, &old, "AttributesToGet")
	add(c.operator != nil, &old, "ConditionalOperator")
	add(c.projection != nil, &new, "ProjectionExpression")
	add(c.filter != nil, &new, "FilterExpression")
	add(c.keyExpression != nil, &new, "KeyConditionExpression")
	none := "FilterExpression is null"
	if isQuery {
		none = "FilterExpression and KeyConditionExpression are null"
	}
	if err := exclusive(old, new, c.names, c.values, none); err != nil {
		return err
	}
	if isQuery && c.keyExpression == nil && c.keyConditions == nil {
		return errValidation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	return nil
}

// expressions parses what selects, filters and projects, in the new form or the old.
func (c *common) expressions(q *reading, isQuery bool) error {
	if c.projection == nil && c.filter == nil && c.keyExpression == nil {
		return c.legacy(q, isQuery)
	}
	p, err := params(c.names, c.values)
	if err != nil {
		return err
	}
	q.filterName = "FilterExpression"
	if c.filter != nil {
		if q.filter, err = p.Condition("FilterExpression", *c.filter); err != nil {
			return err
		}
	}
	if c.projection != nil {
		if q.projection, err = p.Projection(*c.projection); err != nil {
			return err
		}
	}
	if c.keyExpression != nil {
		kc, err := p.KeyTerms(*c.keyExpression)
		if err != nil {
			return err
		}
		q.condition = kc.For
	}
	return p.Unused()
}

func (c *common) legacy(q *reading, isQuery bool) error {
	if c.operator != nil && len(c.legacyFilter) < 2 {
		return errInvalid("ConditionalOperator can only be used when Filter or Expected has two or more elements")
	}
	q.filterName = c.legacyName
	filter, err := comparators(c.legacyFilter, strings.ToLower(c.legacyName[:1])+c.legacyName[1:])
	if err != nil {
		return err
	}
	if q.filter, err = ddbexpr.LegacyFilter(filter, str(c.operator)); err != nil {
		return err
	}
	if q.projection, err = legacyProjection(c.toGet); err != nil || !isQuery {
		return err
	}
	conditions, err := comparators(c.keyConditions, "keyConditions")
	if err != nil {
		return err
	}
	q.condition = func(key ddbexpr.KeySchema) (ddbexpr.KeyCondition, error) {
		return ddbexpr.LegacyKeyCondition(conditions, key)
	}
	return nil
}
