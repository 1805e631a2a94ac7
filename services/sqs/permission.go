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

// The actions that AddPermission can give (SQS API reference, AddPermission), and those that stay with the queue's owner.
var (
	permissionActions = []string{
		"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",
		"ReceiveMessage", "SendMessage",
	}
	ownerActions = []string{
		"AddPermission", "CancelMessageMoveTask", "CreateQueue", "DeleteQueue", "ListMessageMoveTasks", "ListQueues", "ListQueueTags",
		"RemovePermission", "SetQueueAttributes", "StartMessageMoveTask", "TagQueue", "UntagQueue",
	}
)

// The quotas of a policy that AddPermission keeps (SQS Developer Guide, "Amazon SQS policy quotas").
const (
	maxActions    = 7
	maxStatements = 20
)

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
	case len(in.Actions) > maxActions:
		return nil, errOverLimit("%d Actions were found, maximum allowed is %d.", len(in.Actions), maxActions)
	}
	st := statement{Sid: *in.Label, Effect: "Allow", Resource: n.arn().String()}
	var actions, accounts []string
	for _, a := range in.Actions {
		action := "SQS:" + a
		switch {
		case slices.Contains(ownerActions, a):
			return nil, errValue(action, "ActionName", "Only the queue owner is allowed to invoke this action.")
		case !slices.Contains(permissionActions, a):
			return nil, errValue(action, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		}
		actions = append(actions, action)
	}
	for _, a := range in.AWSAccountIds {
		if !isAccount(a) {
			return nil, errValue("["+strings.Join(in.AWSAccountIds, ", ")+"]", "PrincipalId", "Unable to verify.")
		}
		accounts = append(accounts, "arn:aws:iam::"+a+":root")
	}
	st.Action, st.Principal = room.OneOrMany(actions), map[string]any{"AWS": room.OneOrMany(accounts)}
	return &api.AddPermissionOutput{}, r.editPolicy(ctx, n, func(doc *room.Statements) error {
		switch {
		case doc.Find(st.Sid) >= 0:
			return errValue(st.Sid, "Label", "Already exists.")
		case len(doc.Statement) >= maxStatements:
			return errOverLimit("%d Statements were found, maximum allowed is %d.", len(doc.Statement)+1, maxStatements)
		case doc.Version == "":
			doc.Version, doc.ID = "2008-10-17", n.arn().String()+"/SQSDefaultPolicy"
		}
		return doc.Add(st)
	})
}

func (r *sqsRoom) removePermission(ctx context.Context, in *api.RemovePermissionInput) (*api.RemovePermissionOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &api.RemovePermissionOutput{}, r.editPolicy(ctx, n, func(doc *room.Statements) error {
		i := doc.Find(text(in.Label))
		if i < 0 {
			return errValue(text(in.Label), "Label", "can't find label.")
		}
		doc.Remove(i)
		return nil
	})
}

// editPolicy rewrites a queue's policy.
func (r *sqsRoom) editPolicy(ctx context.Context, n name, fn func(*room.Statements) error) error {
	return r.change(ctx, n, func(rec *record) error {
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
