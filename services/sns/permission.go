package sns

import (
	"context"
	"slices"

	api "sundog/api/sns"
	"sundog/services/room"
)

// The actions that AddPermission knows (API reference, AddPermission).
var permissionActions = []string{
	"Publish", "RemovePermission", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic", "GetTopicAttributes", "AddPermission", "Subscribe",
}

type statement struct {
	Sid       string         `json:"Sid"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal"`
	Action    any            `json:"Action"`
	Resource  string         `json:"Resource"`
}

func (r *snsRoom) addPermission(ctx context.Context, in *api.AddPermissionInput) (*api.AddPermissionOutput, error) {
	return &api.AddPermissionOutput{}, r.editPolicy(ctx, in.TopicArn, func(n name, doc *room.Statements) error {
		st := statement{Sid: text(in.Label), Effect: "Allow", Resource: n.arn().String()}
		if doc.Find(st.Sid) >= 0 {
			return errInvalid("Statement already exists")
		}
		var actions, accounts []string
		for _, a := range in.ActionName {
			if !slices.Contains(permissionActions, a) {
				return errInvalid("Policy statement action out of service scope!")
			}
			actions = append(actions, "SNS:"+a)
		}
		for _, a := range in.AWSAccountId {
			accounts = append(accounts, "arn:aws:iam::"+a+":root")
		}
		st.Action, st.Principal = room.OneOrMany(actions), map[string]any{"AWS": room.OneOrMany(accounts)}
		return doc.Add(st)
	})
}

func (r *snsRoom) removePermission(ctx context.Context, in *api.RemovePermissionInput) (*api.RemovePermissionOutput, error) {
	return &api.RemovePermissionOutput{}, r.editPolicy(ctx, in.TopicArn, func(_ name, doc *room.Statements) error {
		if i := doc.Find(text(in.Label)); i >= 0 {
			doc.Remove(i)
		}
		return nil
	})
}

// editPolicy rewrites a topic's policy, beginning with the default one.
func (r *snsRoom) editPolicy(ctx context.Context, arn *string, fn func(name, *room.Statements) error) error {
	return r.change(ctx, arn, func(n name, rec *record) error {
		policy := rec.Attributes["Policy"]
		if policy == "" {
			policy = defaultPolicy(n)
		}
		doc, err := room.ParseStatements(policy)
		if err != nil {
			return err
		}
		if err := fn(n, &doc); err != nil {
			return err
		}
		rec.Attributes["Policy"], err = doc.Text()
		return err
	})
}
