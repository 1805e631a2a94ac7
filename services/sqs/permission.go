package sqs

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/lang/policydoc"
	"sundog/services/room"
)

type statement struct {
	Sid       string         `json:"Sid"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal"`
	Action    any            `json:"Action"`
	Resource  string         `json:"Resource"`
}

// The actions that AddPermission knows (SQS API reference, AddPermission).
var permissionActions = []string{
	"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",
	"ReceiveMessage", "SendMessage", "ListMessageMoveTasks", "CancelMessageMoveTask", "StartMessageMoveTask",
}

func (r *sqsRoom) addPermission(ctx context.Context, in *api.AddPermissionInput) (*api.AddPermissionOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	switch {
	case !batchID.MatchString(text(in.Label)):
		return nil, errValue(text(in.Label), "Label", "A label can only include alphanumeric characters, hyphens and underscores. 1 to 80 in length.")
	case len(in.Actions) == 0:
		return nil, errMissing("Actions")
	case len(in.AWSAccountIds) == 0:
		return nil, errMissing("AWSAccountIds")
	}
	st := statement{Sid: *in.Label, Effect: "Allow", Resource: n.arn().String()}
	var actions, accounts []string
	for _, a := range in.Actions {
		if !slices.Contains(permissionActions, a) {
			return nil, errValue("SQS:"+a, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		}
		actions = append(actions, "SQS:"+a)
	}
	for _, a := range in.AWSAccountIds {
		if !isAccount(a) {
			return nil, errValue("["+strings.Join(in.AWSAccountIds, ", ")+"]", "PrincipalId", "Unable to verify.")
		}
		accounts = append(accounts, "arn:aws:iam::"+a+":root")
	}
	st.Action, st.Principal = room.OneOrMany(actions), map[string]any{"AWS": room.OneOrMany(accounts)}
	return &api.AddPermissionOutput{}, r.editPolicy(ctx, in.QueueUrl, func(doc *room.Statements) error {
		if doc.Find(st.Sid) >= 0 {
			return errValue(st.Sid, "Label", "Already exists.")
		}
		if doc.Version == "" {
			doc.Version, doc.ID = "2008-10-17", n.arn().String()+"/SQSDefaultPolicy"
		}
		return doc.Add(st)
	})
}

func (r *sqsRoom) removePermission(ctx context.Context, in *api.RemovePermissionInput) (*api.RemovePermissionOutput, error) {
	return &api.RemovePermissionOutput{}, r.editPolicy(ctx, in.QueueUrl, func(doc *room.Statements) error {
		i := doc.Find(text(in.Label))
		if i < 0 {
			return errValue(text(in.Label), "Label", "can't find label.")
		}
		doc.Remove(i)
		return nil
	})
}

// editPolicy rewrites a queue's policy.
func (r *sqsRoom) editPolicy(ctx context.Context, url *string, fn func(*room.Statements) error) error {
	return r.change(ctx, url, func(rec *record) error {
		doc, err := room.ParseStatements(rec.Attributes["Policy"])
		if err != nil {
			return err
		}
		if err := fn(&doc); err != nil {
			return err
		}
		policy, err := doc.Text()
		rec.set(map[string]string{"Policy": policy})
		return err
	})
}

// readPolicy reads a queue's policy; nil when it has none.
func (r *sqsRoom) readPolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	rec, err := r.record(ctx, nameOf(a))
	if err != nil || rec.Attributes["Policy"] == "" {
		return nil, err
	}
	return policydoc.Parse(rec.Attributes["Policy"], policydoc.Resource)
}
