package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/engine/timer"
)

// Subscriptions of endpoints that must agree first: a token is sent to the endpoint, and whoever has it confirms (API reference, Subscribe,
// ConfirmSubscription). Tokens are kept as hashes.

// tokenLife is how long a token holds; a subscription that nobody confirmed until then is deleted.
const tokenLife = 48 * time.Hour

const pendingKind = "sns.pending"

// token is a token's row.
type token struct {
	ID    string        `json:"id"` // the subscription's
	Asked int64         `json:"asked"`
	Gone  *subscription `json:"gone,omitempty"` // what the token brings back, after an unsigned Unsubscribe
}

// question is a confirmation on its way to an endpoint.
type question struct {
	hash, kind, id string
	payload        []byte
	asked          time.Time
}

func (n name) tokenKey(hash string) store.Key { return n.key("token").Str(hash) }

func hashToken(t string) string {
	sum := sha256.Sum256([]byte(t))
	return hex.EncodeToString(sum[:])
}

// needsConfirmation tells whether an endpoint of a protocol must agree.
func needsConfirmation(protocol string) bool {
	switch protocol {
	case "http", "https", "email", "email-json":
		return true
	}
	return false
}

const (
	confirmationType = "SubscriptionConfirmation"
	unsubscribeType  = "UnsubscribeConfirmation"
	notificationType = "Notification"
)

// ask writes the message that asks an endpoint.
func (r *snsRoom) ask(ctx context.Context, n name, rec *record, s *subscription, kind string) (*question, error) {
	secret := r.d.IDs.Hex(64)
	q := &question{hash: hashToken(secret), kind: kind, id: r.d.IDs.UUID(), asked: r.d.Clock.Now()}
	m := notification{
		Type: kind, MessageID: q.id, Token: secret, TopicArn: n.arn().String(), Timestamp: stamp(q.asked.UnixMilli()),
		SubscribeURL: s.Host + "/?Action=ConfirmSubscription&TopicArn=" + url.QueryEscape(n.arn().String()) + "&Token=" + secret,
		Message:      "You have chosen to subscribe to the topic " + n.arn().String() + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
	}
	m.SubscribeURL = strings.ReplaceAll(m.SubscribeURL, "%3A", ":")
	if kind == unsubscribeType {
		m.Message = "You have chosen to deactivate subscription " + n.subscriptionARN(s.ID) + ".\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
	}
	if err := r.signer.sign(ctx, &m, s.Host, rec.Attributes["SignatureVersion"], signatures{}); err != nil {
		return nil, err
	}
	var err error
	q.payload, err = encode(m)
	return q, err
}

// sendQuestion keeps the token, and emits the question to the endpoint. gone is what an answer brings back; nil: it confirms.
func (r *snsRoom) sendQuestion(ctx context.Context, tx store.Tx, n name, s *subscription, q *question, gone *subscription) error {
	b, err := json.Marshal(token{ID: s.ID, Asked: q.asked.UnixMilli(), Gone: gone})
	if err != nil {
		return err
	}
	if err := tx.Put(n.tokenKey(q.hash), b); err != nil {
		return err
	}
	t := timer.Timer{Shard: n.shard(), Kind: pendingKind, ID: n.arn().String() + "/" + q.hash, Due: q.asked.Add(tokenLife)}
	if err := r.d.Timers.Set(tx, t); err != nil {
		return err
	}
	a, err := cloud.ParseARN(n.subscriptionARN(s.ID))
	if err != nil {
		return err
	}
	return r.d.Bus.Emit(tx, n.shard(), bus.Delivery{
		ID: q.id + "/" + s.ID, Scope: n.Scope, Source: n.arn(), Target: a, Payload: q.payload, Expires: q.asked.Add(tokenLife),
		Parameters: map[string]string{"Type": q.kind, "MessageId": q.id, "Endpoint": s.Endpoint, "Protocol": s.Protocol},
		As:         cloud.ServicePrincipal("sns.amazonaws.com", n.arn()), Retry: bus.Retry{Max: -1}, Trace: cloud.CallFrom(ctx).Trace,
	})
}

func readToken(rd store.Reader, n name, hash string) (*token, error) {
	b, err := rd.Get(n.tokenKey(hash))
	if err != nil || b == nil {
		return nil, err
	}
	t := &token{}
	return t, json.Unmarshal(b, t)
}

// expireToken is the timer's handler: a token that is too old goes, and with it a subscription that it was the last to ask for.
func (r *snsRoom) expireToken(ctx context.Context, t timer.Timer) error {
	topic, hash, _ := strings.Cut(t.ID, "/")
	a, err := cloud.ParseARN(topic)
	if err != nil {
		return err
	}
	n := name{a.Scope(), a.Resource}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		k, err := readToken(tx, n, hash)
		if err != nil || k == nil {
			return err
		}
		if err := tx.Delete(n.tokenKey(hash)); err != nil {
			return err
		}
		s, err := readSubscription(tx, n, k.ID)
		if err != nil || s == nil || !s.Pending || s.Asked != k.Asked {
			return err
		}
		return r.removeSubscription(tx, n, k.ID)
	})
}

func (r *snsRoom) removeSubscription(tx store.Tx, n name, id string) error {
	if err := tx.Delete(listKey(n.Scope, "sublist").Str(n.Topic).Str(id)); err != nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { r.forget(n) })
	return tx.Delete(n.subKey(id))
}

// validToken reads a token that still holds; errInvalid when there is none.
func (r *snsRoom) validToken(rd store.Reader, n name, secret *string) (*token, error) {
	t, err := readToken(rd, n, hashToken(text(secret)))
	if err != nil {
		return nil, err
	}
	if t == nil || !r.d.Clock.Now().Before(time.UnixMilli(t.Asked).Add(tokenLife)) {
		return nil, errInvalid("Token")
	}
	return t, nil
}

// topicOfToken gives the topic whose subscription a token confirms. A topic that is not there has no tokens.
func topicOfToken(ctx context.Context, in *api.ConfirmSubscriptionInput) (name, error) {
	n, err := topicOf(ctx, in.TopicArn)
	if err != nil {
		return n, errInvalid("Topic")
	}
	return n, nil
}

func (r *snsRoom) confirmSubscription(ctx context.Context, in *api.ConfirmSubscriptionInput) (*api.ConfirmSubscriptionOutput, error) {
	n, err := topicOfToken(ctx, in)
	if err != nil {
		return nil, err
	}
	signed := cloud.CallFrom(ctx).Principal.Kind != cloud.Anonymous
	var id string
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		t, err := r.validToken(tx, n, in.Token)
		if err != nil {
			return err
		}
		id = t.ID
		s, err := readSubscription(tx, n, id)
		if err != nil {
			return err
		}
		switch {
		case s == nil && t.Gone != nil:
			s = t.Gone
		case s == nil:
			return errInvalid("Token")
		case !s.Pending:
			return nil // confirmed before with this token
		}
		s.Pending, s.Unsigned, s.Locked = false, !signed, text(in.AuthenticateOnUnsubscribe) == "true"
		return r.writeSubscription(tx, n, *s)
	})
	if err != nil {
		return nil, err
	}
	return &api.ConfirmSubscriptionOutput{SubscriptionArn: new(n.subscriptionARN(id))}, nil
}

// askBack writes the message that an endpoint gets when somebody who did not sign unsubscribes it; nil when it gets none.
func (r *snsRoom) askBack(ctx context.Context, n name, id string) (*question, *subscription, error) {
	if cloud.CallFrom(ctx).Principal.Kind != cloud.Anonymous {
		return nil, nil, nil
	}
	s, err := r.subscription(ctx, n, id)
	if err != nil || s == nil || s.Pending || !needsConfirmation(s.Protocol) {
		return nil, nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	q, err := r.ask(ctx, n, rec, s, unsubscribeType)
	return q, s, err
}

// showOutside adds the attributes that only subscriptions to the outside have.
func (r *snsRoom) showOutside(ctx context.Context, n name, s *subscription, out map[string]string) error {
	if !outside(s.Protocol) {
		return nil
	}
	if s.Pending {
		out["PendingConfirmation"] = "true"
	}
	if s.Pending || s.Unsigned {
		out["ConfirmationWasAuthenticated"] = "false"
	}
	if !overHTTP(s.Protocol) {
		out["SundogDelivery"] = notSent(s.Protocol) + "; log group " + keptGroup(n.Scope, n.Topic).Name
		return nil
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return err
	}
	p, err := rec.effective(s)
	if err != nil {
		return err
	}
	text, err := encode(p)
	out["EffectiveDeliveryPolicy"] = string(text)
	return err
}

// accessConfirm lets anybody who has the token confirm, unless the confirmation asks for signatures on Unsubscribe: then it is to be signed
// itself (API reference, ConfirmSubscription).
func (r *snsRoom) accessConfirm(ctx context.Context, in *api.ConfirmSubscriptionInput) ([]cloud.Access, error) {
	n, err := topicOfToken(ctx, in)
	if err != nil {
		return nil, err
	}
	if cloud.CallFrom(ctx).Principal.Kind == cloud.Anonymous && text(in.AuthenticateOnUnsubscribe) != "true" {
		return nil, r.d.Store.View(ctx, func(rd store.Reader) error {
			_, err := r.validToken(rd, n, in.Token)
			return err
		})
	}
	return []cloud.Access{{Action: permission + "ConfirmSubscription", Resource: n.arn()}}, nil
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
