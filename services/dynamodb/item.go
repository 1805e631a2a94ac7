package dynamodb

import (
	"context"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

var (
	capacityModes   = []string{"INDEXES", "TOTAL", "NONE"}
	metricsModes    = []string{"SIZE", "NONE"}
	returnModes     = []string{"ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"}
	onFailureModes  = []string{"ALL_OLD", "NONE"}
	conditionJoints = []string{"OR", "AND"}
)

// modes checks the members that all writes have.
func modes(returnValues, capacity, metrics, onFailure, operator *string) error {
	return first(checkEnum("returnValues", returnValues, returnModes...), checkEnum("returnConsumedCapacity", capacity, capacityModes...),
		checkEnum("returnItemCollectionMetrics", metrics, metricsModes...), checkEnum("returnValuesOnConditionCheckFailure", onFailure, onFailureModes...),
		checkEnum("conditionalOperator", operator, conditionJoints...))
}

// newItem checks and converts an item that is put.
func newItem(m map[string]api.AttributeValue) (ddbexpr.Item, error) {
	it, err := itemOf(m)
	if err != nil {
		return nil, err
	}
	for i := range it {
		if it[i].Name == "" {
			return nil, errInvalid("Attribute name cannot be empty")
		}
	}
	if it.Size() > ddbexpr.MaxItemSize {
		return nil, errValidation("Item size has exceeded the maximum allowed size")
	}
	return it, nil
}

// putItem serves PutItem.
func (s *service) putItem(ctx context.Context, in *api.PutItemInput) (*api.PutItemOutput, error) {
	return s.replace(ctx, verbPut, newItem, in)
}

// deleteItem serves DeleteItem.
func (s *service) deleteItem(ctx context.Context, in *api.DeleteItemInput) (*api.DeleteItemOutput, error) {
	out, err := s.replace(ctx, verbDelete, itemOf, &api.PutItemInput{
		TableName: in.TableName, Item: in.Key, Expected: in.Expected, ReturnValues: in.ReturnValues, ReturnConsumedCapacity: in.ReturnConsumedCapacity,
		ReturnItemCollectionMetrics: in.ReturnItemCollectionMetrics, ConditionalOperator: in.ConditionalOperator, ConditionExpression: in.ConditionExpression,
		ExpressionAttributeNames: in.ExpressionAttributeNames, ExpressionAttributeValues: in.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: in.ReturnValuesOnConditionCheckFailure,
	})
	return (*api.DeleteItemOutput)(out), err
}

// replace puts a whole item in an item's place, or nothing when verb is verbDelete: then in.Item is the key. read checks and converts in.Item.
func (s *service) replace(ctx context.Context, verb verb, read func(map[string]api.AttributeValue) (ddbexpr.Item, error), in *api.PutItemInput) (*api.PutItemOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	missing := "item"
	if verb == verbDelete {
		missing = "key"
	}
	if in.Item == nil {
		return nil, errNull(missing)
	}
	if err := modes(in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics, in.ReturnValuesOnConditionCheckFailure, in.ConditionalOperator); err != nil {
		return nil, err
	}
	if rv := str(in.ReturnValues); rv != "" && rv != "NONE" && rv != "ALL_OLD" {
		return nil, errValidation("ReturnValues can only be ALL_OLD or NONE")
	}
	w := &write{at: at, verb: verb, returnOld: str(in.ReturnValuesOnConditionCheckFailure) == "ALL_OLD"}
	if w.item, err = read(in.Item); err != nil {
		return nil, err
	}
	c := conditional{expression: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		expected: in.Expected, operator: in.ConditionalOperator}
	if w.condition, _, err = c.parse(false); err != nil {
		return nil, err
	}
	o, err := s.one(ctx, w)
	if err != nil {
		return nil, err
	}
	out := &api.PutItemOutput{ConsumedCapacity: o.consumed(in.ReturnConsumedCapacity, 1)}
	if out.ItemCollectionMetrics, err = s.metrics(ctx, in.ReturnItemCollectionMetrics, &o); err != nil {
		return nil, err
	}
	if str(in.ReturnValues) == "ALL_OLD" {
		out.Attributes = attributes(o.old)
	}
	return out, nil
}

// one runs one write in a transaction of its own.
func (s *service) one(ctx context.Context, w *write) (o outcome, err error) {
	err = s.update(ctx, func(tx store.Tx) error {
		o, err = s.run(tx, w)
		return err
	})
	return o, err
}

// updateItem serves UpdateItem.
func (s *service) updateItem(ctx context.Context, in *api.UpdateItemInput) (*api.UpdateItemOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if in.Key == nil {
		return nil, errNull("key")
	}
	if err := modes(in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics, in.ReturnValuesOnConditionCheckFailure, in.ConditionalOperator); err != nil {
		return nil, err
	}
	w := &write{at: at, verb: verbUpdate, returnOld: str(in.ReturnValuesOnConditionCheckFailure) == "ALL_OLD"}
	if w.item, err = itemOf(in.Key); err != nil {
		return nil, err
	}
	c := conditional{expression: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		update: in.UpdateExpression, expected: in.Expected, operator: in.ConditionalOperator, updates: in.AttributeUpdates}
	if w.condition, w.update, err = c.parse(true); err != nil {
		return nil, err
	}
	o, err := s.one(ctx, w)
	if err != nil {
		return nil, err
	}
	out := &api.UpdateItemOutput{Attributes: w.returned(str(in.ReturnValues), o), ConsumedCapacity: o.consumed(in.ReturnConsumedCapacity, 1)}
	out.ItemCollectionMetrics, err = s.metrics(ctx, in.ReturnItemCollectionMetrics, &o)
	return out, err
}

// returned gives the attributes that ReturnValues asks for after an update.
func (w *write) returned(mode string, o outcome) map[string]api.AttributeValue {
	switch mode {
	case "ALL_OLD":
		return attributes(o.old)
	case "ALL_NEW":
		return attributes(o.new)
	case "UPDATED_OLD", "UPDATED_NEW":
		if w.update == nil {
			return nil
		}
		it := o.old
		if mode == "UPDATED_NEW" {
			it = o.new
		}
		if it = ddbexpr.ProjectPaths(w.update.Paths()).Apply(it); len(it) > 0 {
			return attributes(it)
		}
	}
	return nil
}

// getItem serves GetItem.
func (s *service) getItem(ctx context.Context, in *api.GetItemInput) (*api.GetItemOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if in.Key == nil {
		return nil, errNull("key")
	}
	if err := checkEnum("returnConsumedCapacity", in.ReturnConsumedCapacity, capacityModes...); err != nil {
		return nil, err
	}
	key, err := itemOf(in.Key)
	if err != nil {
		return nil, err
	}
	pr, err := projection(in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet)
	if err != nil {
		return nil, err
	}
	var it ddbexpr.Item
	err = s.view(ctx, func(r store.Reader) error {
		_, it, err = s.get(r, at, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.GetItemOutput{ConsumedCapacity: readUnits(in.ReturnConsumedCapacity, at.Name, it.Size(), is(in.ConsistentRead), 1)}
	if it != nil {
		out.Item = attributes(pr.Apply(it))
	}
	return out, nil
}

// get reads an item; nil when it is absent.
func (s *service) get(r store.Reader, at ref, key ddbexpr.Item) (*table, ddbexpr.Item, error) {
	t, err := s.open(r, at)
	if err != nil {
		return nil, nil, err
	}
	if err := t.checkKey(key); err != nil {
		return t, nil, err
	}
	raw, err := r.Get(t.rowKey(nil, key))
	if err != nil || raw == nil {
		return t, nil, err
	}
	it, err := ddbexpr.DecodeItem(raw)
	return t, it, err
}
