package dynamodb

import (
	"context"
	"maps"
	"slices"

	api "sundog/api/dynamodb"
	streams "sundog/api/dynamodbstreams"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// What operations need, by the Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB".

// onTable is the access of operations on one table.
func onTable[I any](action string, name func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		at, err := refOf(ctx, name(in))
		return []cloud.Access{{Action: "dynamodb:" + action, Resource: at.arn()}}, err
	}
}

// onResource is the access of operations on an ARN.
func onResource[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		if _, err := resourceRef(arn(in)); err != nil {
			return nil, err
		}
		a, err := cloud.ParseARN(*arn(in))
		return []cloud.Access{{Action: "dynamodb:" + action, Resource: a}}, err
	}
}

// onAny is the access of operations that name no resource.
func onAny[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "dynamodb:" + action}}, nil
	}
}

// touch is what a request says of one table's items, for condition keys.
type touch struct {
	keys       []map[string]api.AttributeValue // items or keys, of which the partition key is taken
	leading    []api.AttributeValue            // values of partition keys
	attributes []string
	selects    *string
	returns    *string
}

// items is the access of an item operation. The root of an account needs no condition keys, which cost a read.
func (s *service) items(ctx context.Context, action string, at ref, index *string, t func() touch) (cloud.Access, error) {
	a := cloud.Access{Action: "dynamodb:" + action, Resource: at.arn()}
	if index != nil {
		a.Resource.Resource += "/index/" + *index
	}
	if p := cloud.CallFrom(ctx).Principal; p.Kind == cloud.Root && p.Account == at.Account {
		return a, nil
	}
	what := t()
	a.Keys = map[string][]string{}
	if len(what.attributes) > 0 {
		a.Keys["dynamodb:attributes"] = what.attributes
	}
	if what.selects != nil {
		a.Keys["dynamodb:select"] = []string{*what.selects}
	}
	if what.returns != nil {
		a.Keys["dynamodb:returnvalues"] = []string{*what.returns}
	}
	leading := what.leading
	if len(what.keys) > 0 {
		err := s.view(ctx, func(r store.Reader) error {
			tab, err := s.load(r, at)
			if err != nil || tab == nil {
				return err
			}
			for _, k := range what.keys {
				if v, ok := k[tab.Key.Hash]; ok {
					leading = append(leading, v)
				}
			}
			return nil
		})
		if err != nil {
			return a, err
		}
	}
	for i := range leading {
		if v, err := valueOf(&leading[i], 0); err == nil {
			a.Keys["dynamodb:leadingkeys"] = append(a.Keys["dynamodb:leadingkeys"], v.Text)
		}
	}
	return a, nil
}

func list(a cloud.Access, err error) ([]cloud.Access, error) { return []cloud.Access{a}, err }

func names(m map[string]api.AttributeValue) []string { return slices.Sorted(maps.Keys(m)) }

// projected gives the top-level attributes that a projection names; nil when it names none or is wrong.
func projected(expression *string, placeholders map[string]string, toGet []string) []string {
	if expression == nil {
		return toGet
	}
	p, err := ddbexpr.NewParams(placeholders, nil)
	if err != nil {
		return nil
	}
	pr, err := p.Projection(*expression)
	if err != nil {
		return nil
	}
	return pr.Heads()
}

func (s *service) accessPut(ctx context.Context, in *api.PutItemInput) ([]cloud.Access, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return list(s.items(ctx, "PutItem", at, nil, func() touch {
		return touch{keys: []map[string]api.AttributeValue{in.Item}, attributes: names(in.Item), returns: in.ReturnValues}
	}))
}

func (s *service) accessGet(ctx context.Context, in *api.GetItemInput) ([]cloud.Access, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return list(s.items(ctx, "GetItem", at, nil, func() touch {
		return touch{keys: []map[string]api.AttributeValue{in.Key}, attributes: projected(in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet)}
	}))
}

func (s *service) accessDelete(ctx context.Context, in *api.DeleteItemInput) ([]cloud.Access, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return list(s.items(ctx, "DeleteItem", at, nil, func() touch {
		return touch{keys: []map[string]api.AttributeValue{in.Key}, attributes: names(in.Key), returns: in.ReturnValues}
	}))
}

func (s *service) accessUpdate(ctx context.Context, in *api.UpdateItemInput) ([]cloud.Access, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return list(s.items(ctx, "UpdateItem", at, nil, func() touch {
		return touch{keys: []map[string]api.AttributeValue{in.Key}, attributes: append(names(in.Key), updatedNames(in)...), returns: in.ReturnValues}
	}))
}

// updatedNames gives the top-level attributes that an update writes.
func updatedNames(in *api.UpdateItemInput) []string {
	if in.UpdateExpression == nil {
		return slices.Sorted(maps.Keys(in.AttributeUpdates))
	}
	p, err := params(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil
	}
	u, err := p.Update(*in.UpdateExpression)
	if err != nil {
		return nil
	}
	var out []string
	for _, path := range u.Paths() {
		out = append(out, path.Head())
	}
	return out
}

func (s *service) accessQuery(ctx context.Context, in *api.QueryInput) ([]cloud.Access, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return list(s.items(ctx, "Query", at, in.IndexName, func() touch {
		return touch{leading: s.queried(ctx, at, in), selects: in.Select,
			attributes: projected(in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet)}
	}))
}

// queried gives the partition key that a query asks for, if it can be told.
func (s *service) queried(ctx context.Context, at ref, in *api.QueryInput) []api.AttributeValue {
	q, err := s.reading(ctx, &common{table: in.TableName, index: in.IndexName, keyExpression: in.KeyConditionExpression, keyConditions: in.KeyConditions,
		filter: in.FilterExpression, projection: in.ProjectionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}, true)
	if err != nil {
		return nil
	}
	var out []api.AttributeValue
	err = s.view(ctx, func(r store.Reader) error {
		t, err := s.load(r, at)
		if err != nil || t == nil {
			return err
		}
		schema := t.Key
		if in.IndexName != nil {
			ix := t.index(*in.IndexName)
			if ix == nil {
				return nil
			}
			schema = ix.Key
		}
		if kc, err := q.condition(schema); err == nil {
			var av api.AttributeValue
			show(&kc.Hash, &av)
			out = []api.AttributeValue{av}
		}
		return nil
	})
	if err != nil {
		return nil // the query itself will say so
	}
	return out
}

func (s *service) accessScan(ctx context.Context, in *api.ScanInput) ([]cloud.Access, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	return list(s.items(ctx, "Scan", at, in.IndexName, func() touch {
		return touch{selects: in.Select, attributes: projected(in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet)}
	}))
}

func (s *service) accessBatchWrite(ctx context.Context, in *api.BatchWriteItemInput) (out []cloud.Access, err error) {
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		at, err := refOf(ctx, &name)
		if err != nil {
			return nil, err
		}
		a, err := s.items(ctx, "BatchWriteItem", at, nil, func() (t touch) {
			for _, rq := range in.RequestItems[name] {
				if rq.PutRequest != nil {
					t.keys = append(t.keys, rq.PutRequest.Item)
					t.attributes = append(t.attributes, names(rq.PutRequest.Item)...)
				}
				if rq.DeleteRequest != nil {
					t.keys = append(t.keys, rq.DeleteRequest.Key)
				}
			}
			return t
		})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (s *service) accessBatchGet(ctx context.Context, in *api.BatchGetItemInput) (out []cloud.Access, err error) {
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		at, err := refOf(ctx, &name)
		if err != nil {
			return nil, err
		}
		g := in.RequestItems[name]
		a, err := s.items(ctx, "BatchGetItem", at, nil, func() touch {
			return touch{keys: g.Keys, attributes: projected(g.ProjectionExpression, g.ExpressionAttributeNames, g.AttributesToGet)}
		})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

var verbActions = map[verb]string{verbPut: "PutItem", verbUpdate: "UpdateItem", verbDelete: "DeleteItem", verbCheck: "ConditionCheckItem"}

func (s *service) accessTransactWrite(ctx context.Context, in *api.TransactWriteItemsInput) (out []cloud.Access, err error) {
	for _, it := range in.TransactItems {
		a, err := actionOf(it)
		if err != nil {
			return nil, err
		}
		at, err := refOf(ctx, a.table)
		if err != nil {
			return nil, err
		}
		x, err := s.items(ctx, verbActions[a.verb], at, nil, func() touch {
			return touch{keys: []map[string]api.AttributeValue{a.item}, attributes: names(a.item)}
		})
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (s *service) accessTransactGet(ctx context.Context, in *api.TransactGetItemsInput) (out []cloud.Access, err error) {
	for _, it := range in.TransactItems {
		if it.Get == nil {
			continue
		}
		at, err := refOf(ctx, it.Get.TableName)
		if err != nil {
			return nil, err
		}
		a, err := s.items(ctx, "GetItem", at, nil, func() touch {
			return touch{keys: []map[string]api.AttributeValue{it.Get.Key}, attributes: projected(it.Get.ProjectionExpression, it.Get.ExpressionAttributeNames, nil)}
		})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// onStream is the access of operations on a stream.
func onStream[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		a, err := streamARN(arn(in))
		return []cloud.Access{{Action: "dynamodb:" + action, Resource: a}}, err
	}
}

func accessGetRecords(_ context.Context, in *streams.GetRecordsInput) ([]cloud.Access, error) {
	it, err := decodeIterator(in.ShardIterator)
	if err != nil {
		return nil, err
	}
	a, err := streamARN(&it.ARN)
	return []cloud.Access{{Action: "dynamodb:GetRecords", Resource: a}}, err
}
