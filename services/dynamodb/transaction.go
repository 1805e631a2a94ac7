package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	api "sundog/api/dynamodb"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

const (
	maxTransactItems = 100
	maxTransactBytes = 4 << 20
	tokenLife        = 10 * time.Minute
)

// transactWriteItems serves TransactWriteItems.
func (s *service) transactWriteItems(ctx context.Context, in *api.TransactWriteItemsInput) (*api.TransactWriteItemsOutput, error) {
	if err := first(checkEnum("returnConsumedCapacity", in.ReturnConsumedCapacity, capacityModes...),
		checkEnum("returnItemCollectionMetrics", in.ReturnItemCollectionMetrics, metricsModes...), checkToken(in.ClientRequestToken)); err != nil {
		return nil, err
	}
	writes, err := transactWrites(ctx, in.TransactItems)
	if err != nil {
		return nil, err
	}
	var outcomes []outcome
	repeated := false
	err = s.update(ctx, func(tx store.Tx) error {
		if repeated, err = s.redeem(ctx, tx, in); err != nil || repeated {
			return err
		}
		outcomes, err = s.transact(tx, writes)
		return err
	})
	if err != nil {
		return nil, err
	}
	if repeated {
		return &api.TransactWriteItemsOutput{}, nil
	}
	out := &api.TransactWriteItemsOutput{}
	total := totals{}
	for i := range outcomes {
		c := outcomes[i].consumed(in.ReturnConsumedCapacity, 2)
		if c != nil {
			c.WriteCapacityUnits = c.CapacityUnits
		}
		total.add(c)
	}
	out.ConsumedCapacity = total.list()
	out.ItemCollectionMetrics, err = s.allMetrics(ctx, in.ReturnItemCollectionMetrics, outcomes)
	return out, err
}

func checkToken(token *string) error {
	if token == nil || len(*token) >= 1 && len(*token) <= 36 {
		return nil
	}
	if *token == "" {
		return errMember("", "clientRequestToken", "Member must have length greater than or equal to 1")
	}
	return errMember(*token, "clientRequestToken", "Member must have length less than or equal to 36")
}

// transact runs all writes; it gathers the reasons when some fail.
func (s *service) transact(tx store.Tx, writes []*write) ([]outcome, error) {
	if err := s.distinct(tx, writes, errValidation("Transaction request cannot include multiple operations on one item")); err != nil {
		return nil, err
	}
	out := make([]outcome, len(writes))
	reasons := make([]error, len(writes))
	failed := false
	for i, w := range writes {
		o, err := s.run(tx, w)
		if err != nil && !isReason(err) {
			return nil, err
		}
		out[i], reasons[i] = o, err
		failed = failed || err != nil
	}
	if failed {
		return nil, errCancelled(reasons)
	}
	return out, nil
}

// isReason tells whether a write's error cancels the transaction with a reason, rather than failing the call.
func isReason(err error) bool {
	return cloud.IsCode(err, "ConditionalCheckFailedException") || cloud.IsCode(err, "ValidationException")
}

// cancellationReason is a structure of the API that only errors have.
type cancellationReason struct {
	Item    map[string]api.AttributeValue
	Code    *string
	Message *string
}

// errCancelled is the error of a transaction of which some writes failed.
func errCancelled(reasons []error) error {
	codes := make([]string, len(reasons))
	list := make([]cancellationReason, len(reasons))
	for i, err := range reasons {
		codes[i] = "None"
		if err != nil {
			e := cloud.AsError(err)
			codes[i] = "ConditionalCheckFailed"
			if e.Code == "ValidationException" {
				codes[i] = "ValidationError"
			}
			list[i].Message = &e.Message
			list[i].Item, _ = e.Fields["Item"].(map[string]api.AttributeValue)
		}
		list[i].Code = &codes[i]
	}
	return cloud.Errorf(cloud.Conflict, "TransactionCanceledException",
		"Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")).With("CancellationReasons", list)
}

func transactWrites(ctx context.Context, items []api.TransactWriteItem) ([]*write, error) {
	if items == nil {
		return nil, errNull("transactItems")
	}
	if len(items) == 0 || len(items) > maxTransactItems {
		return nil, errTransactLength(len(items))
	}
	out := make([]*write, len(items))
	size := 0
	for i, it := range items {
		w, err := transactWrite(ctx, it)
		if err != nil {
			return nil, err
		}
		out[i] = w
		size += w.item.Size()
	}
	if size > maxTransactBytes {
		return nil, errValidation("Collection size of items in the transaction request cannot exceed 4MB")
	}
	return out, nil
}

func errTransactLength(n int) error {
	if n == 0 {
		return errMember("[]", "transactItems", "Member must have length greater than or equal to 1")
	}
	return errMember("[...]", "transactItems", "Member must have length less than or equal to 100")
}

// action is what the four kinds of a transaction's writes have in common.
type action struct {
	verb      verb
	table     *string
	item      map[string]api.AttributeValue
	member    string // of item
	onFailure *string
	conditional
}

func actionOf(it api.TransactWriteItem) (action, error) {
	var a action
	n := 0
	if p := it.Put; p != nil {
		n++
		a = action{verbPut, p.TableName, p.Item, "put.item", p.ReturnValuesOnConditionCheckFailure,
			conditional{expression: p.ConditionExpression, names: p.ExpressionAttributeNames, values: p.ExpressionAttributeValues}}
	}
	if d := it.Delete; d != nil {
		n++
		a = action{verbDelete, d.TableName, d.Key, "delete.key", d.ReturnValuesOnConditionCheckFailure,
			conditional{expression: d.ConditionExpression, names: d.ExpressionAttributeNames, values: d.ExpressionAttributeValues}}
	}
	if u := it.Update; u != nil {
		n++
		a = action{verbUpdate, u.TableName, u.Key, "update.key", u.ReturnValuesOnConditionCheckFailure,
			conditional{expression: u.ConditionExpression, names: u.ExpressionAttributeNames, values: u.ExpressionAttributeValues, update: u.UpdateExpression}}
		if u.UpdateExpression == nil {
			return a, errNull("transactItems.1.member.update.updateExpression")
		}
	}
	if c := it.ConditionCheck; c != nil {
		n++
		a = action{verbCheck, c.TableName, c.Key, "conditionCheck.key", c.ReturnValuesOnConditionCheckFailure,
			conditional{expression: c.ConditionExpression, names: c.ExpressionAttributeNames, values: c.ExpressionAttributeValues}}
		if c.ConditionExpression == nil {
			return a, errNull("transactItems.1.member.conditionCheck.conditionExpression")
		}
	}
	if n != 1 {
		return a, errValidation("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return a, nil
}

func transactWrite(ctx context.Context, it api.TransactWriteItem) (*write, error) {
	a, err := actionOf(it)
	if err != nil {
		return nil, err
	}
	at, err := refOf(ctx, a.table)
	if err != nil {
		return nil, err
	}
	if a.item == nil {
		return nil, errNull("transactItems.1.member." + a.member)
	}
	if err := checkEnum("returnValuesOnConditionCheckFailure", a.onFailure, onFailureModes...); err != nil {
		return nil, err
	}
	w := &write{at: at, verb: a.verb, returnOld: str(a.onFailure) == "ALL_OLD"}
	if a.verb == verbPut {
		w.item, err = newItem(a.item)
	} else {
		w.item, err = itemOf(a.item)
	}
	if err != nil {
		return nil, err
	}
	w.condition, w.update, err = a.parse(a.verb == verbUpdate)
	return w, err
}

// redeemed is a ClientRequestToken that was used.
type redeemed struct {
	Request [sha256.Size]byte
	Expires time.Time
}

// redeem notes the call's token, if it has one, and tells whether the same call was made within the last ten minutes.
func (s *service) redeem(ctx context.Context, tx store.Tx, in *api.TransactWriteItemsInput) (repeated bool, err error) {
	if in.ClientRequestToken == nil {
		return false, nil
	}
	body, err := json.Marshal(in.TransactItems)
	if err != nil {
		return false, err
	}
	sc := cloud.CallFrom(ctx).Scope
	key := controlKey(sc, "token").Str(*in.ClientRequestToken)
	raw, err := tx.Get(key)
	if err != nil {
		return false, err
	}
	now, hash := s.deps.Clock.Now(), sha256.Sum256(body)
	var old redeemed
	if raw != nil {
		if err := json.Unmarshal(raw, &old); err != nil {
			return false, err
		}
		if now.Before(old.Expires) {
			if old.Request != hash {
				return false, errMismatch()
			}
			return true, nil
		}
		if err := tx.Delete(tokenDueKey(sc, old.Expires, *in.ClientRequestToken)); err != nil {
			return false, err
		}
	}
	fresh := redeemed{hash, now.Add(tokenLife).Truncate(time.Millisecond)}
	if raw, err = json.Marshal(fresh); err != nil {
		return false, err
	}
	if err := tx.Put(key, raw); err != nil {
		return false, err
	}
	tx.AfterCommit(func(store.Stamp) { s.sweeps.Arm(tokenSweep(sc), fresh.Expires) })
	return false, tx.Put(tokenDueKey(sc, fresh.Expires, *in.ClientRequestToken), []byte{})
}

func tokenDueKey(sc cloud.Scope, at time.Time, token string) store.Key {
	return controlKey(sc, "tokendue").U64(uint64(at.UnixMilli())).Str(token)
}

// transactGetItems serves TransactGetItems.
func (s *service) transactGetItems(ctx context.Context, in *api.TransactGetItemsInput) (*api.TransactGetItemsOutput, error) {
	if err := checkEnum("returnConsumedCapacity", in.ReturnConsumedCapacity, capacityModes...); err != nil {
		return nil, err
	}
	if in.TransactItems == nil {
		return nil, errNull("transactItems")
	}
	if n := len(in.TransactItems); n == 0 || n > maxTransactItems {
		return nil, errTransactLength(n)
	}
	groups := make([]keyGroup, len(in.TransactItems))
	for i, it := range in.TransactItems {
		if it.Get == nil {
			return nil, errNull("transactItems." + itoa(int32(i+1)) + ".member.get")
		}
		if it.Get.Key == nil {
			return nil, errNull("transactItems." + itoa(int32(i+1)) + ".member.get.key")
		}
		at, err := refOf(ctx, it.Get.TableName)
		if err != nil {
			return nil, err
		}
		key, err := itemOf(it.Get.Key)
		if err != nil {
			return nil, err
		}
		pr, err := projection(it.Get.ProjectionExpression, it.Get.ExpressionAttributeNames, nil)
		if err != nil {
			return nil, err
		}
		groups[i] = keyGroup{at: at, keys: []ddbexpr.Item{key}, projection: pr}
	}
	var out *api.TransactGetItemsOutput
	err := s.view(ctx, func(r store.Reader) (err error) {
		out, err = s.getAll(r, groups, in.ReturnConsumedCapacity)
		return err
	})
	return out, err
}

func (s *service) getAll(r store.Reader, groups []keyGroup, capacity *string) (*api.TransactGetItemsOutput, error) {
	out := &api.TransactGetItemsOutput{Responses: make([]api.ItemResponse, len(groups))}
	total, size := totals{}, 0
	for i, g := range groups {
		t, it, err := s.get(r, g.at, g.keys[0])
		if err != nil {
			return nil, err
		}
		if size += it.Size(); size > maxTransactBytes {
			return nil, errValidation("Collection size of items in the transaction request cannot exceed 4MB")
		}
		c := readUnits(capacity, t.Name, it.Size(), true, 2)
		if c != nil {
			c.ReadCapacityUnits = c.CapacityUnits
		}
		total.add(c)
		if it != nil {
			out.Responses[i].Item = attributes(g.projection.Apply(it))
		}
	}
	out.ConsumedCapacity = total.list()
	return out, nil
}
