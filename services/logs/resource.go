package logs

import (
	"context"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

func (r *logsRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::Logs::LogGroup", Properties: []string{"LogGroupName", "RetentionInDays", "Tags", "LogGroupClass"}, Attributes: []string{"Arn"},
			NoEffect: map[string]string{"KmsKeyId": "log lines are not encrypted by a key of their own"},
			Create:   r.createGroupResource, Update: r.updateGroupResource, Delete: r.deleteGroupResource,
		},
		{
			Type: "AWS::Logs::LogStream", Properties: []string{"LogGroupName", "LogStreamName"},
			Create: r.createStreamResource, Delete: r.deleteStreamResource,
		},
		{
			Type: "AWS::Logs::SubscriptionFilter", Properties: []string{"LogGroupName", "FilterName", "FilterPattern", "DestinationArn", "RoleArn", "Distribution"},
			Create: r.putFilterResource, Update: r.putFilterResource, Delete: r.deleteFilterResource,
		},
	}
}

// makeOnce runs make and takes "already exists" for success when an earlier run of the same step made it: exists tells, before the step's
// first run, whether the name is taken.
func (r *logsRoom) makeOnce(ctx context.Context, req room.Request, key store.Key, make func() error) error {
	var again bool
	sc, now := cloud.CallFrom(ctx).Scope, r.d.Clock.Now().UnixMilli()
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		earlier, err := made(sc).Remember(tx, req.Token, key, now, (7 * day).Milliseconds())
		if err != nil {
			return err
		}
		row, err := tx.Get(key)
		if again = earlier != nil; err == nil && row != nil && !again {
			return errExists("group or stream")
		}
		return err
	})
	if err != nil {
		return err
	}
	err = make()
	if again && cloud.IsCode(err, "ResourceAlreadyExistsException") {
		return nil
	}
	return err
}

func (r *logsRoom) createGroupResource(ctx context.Context, req room.Request) (room.Result, error) {
	n := name{cloud.CallFrom(ctx).Scope, req.New.Text("LogGroupName")}
	if n.Group == "" {
		n.Group = req.Name(512)
	}
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	in := map[string]any{"logGroupName": n.Group}
	if len(tags) > 0 {
		in["tags"] = tags
	}
	if class := req.New.Text("LogGroupClass"); class != "" {
		in["logGroupClass"] = class
	}
	if err := r.makeOnce(ctx, req, n.key(), func() error { return r.d.Do(ctx, service, "CreateLogGroup", in, nil) }); err != nil {
		return room.Result{}, err
	}
	return groupResult(n), r.retain(ctx, n, req)
}

func groupResult(n name) room.Result {
	return room.Result{Physical: n.Group, Attributes: map[string]any{"Arn": n.arn().String() + ":*"}}
}

// retain applies RetentionInDays; without it events never expire.
func (r *logsRoom) retain(ctx context.Context, n name, req room.Request) error {
	var days int32
	if _, err := req.New.Get("RetentionInDays", &days); err != nil {
		return err
	}
	switch {
	case days != 0:
		return r.d.Do(ctx, service, "PutRetentionPolicy", map[string]any{"logGroupName": n.Group, "retentionInDays": days}, nil)
	case req.Old != nil && req.Changed("RetentionInDays"):
		return r.d.Do(ctx, service, "DeleteRetentionPolicy", map[string]any{"logGroupName": n.Group}, nil)
	}
	return nil
}

func (r *logsRoom) updateGroupResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("LogGroupName", "LogGroupClass") {
		return r.createGroupResource(ctx, req) // replacement
	}
	n := name{cloud.CallFrom(ctx).Scope, req.Physical}
	if err := r.retain(ctx, n, req); err != nil {
		return room.Result{}, err
	}
	return groupResult(n), r.retag(ctx, n, req)
}

func (r *logsRoom) retag(ctx context.Context, n name, req room.Request) error {
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return err
	}
	old, err := req.MergedTags(req.Old)
	if err != nil {
		return err
	}
	gone := []string{}
	for k := range old {
		if _, ok := tags[k]; !ok {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		if err := r.d.Do(ctx, service, "UntagResource", map[string]any{"resourceArn": n.arn(), "tagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return r.d.Do(ctx, service, "TagResource", map[string]any{"resourceArn": n.arn(), "tags": tags}, nil)
}

func (r *logsRoom) deleteGroupResource(ctx context.Context, req room.Request) error {
	err := r.d.Do(ctx, service, "DeleteLogGroup", map[string]any{"logGroupName": req.Physical}, nil)
	return absent(err)
}

func absent(err error) error {
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return nil
	}
	return err
}

// createStreamResource makes a stream; Ref gives its name.
func (r *logsRoom) createStreamResource(ctx context.Context, req room.Request) (room.Result, error) {
	n := name{cloud.CallFrom(ctx).Scope, req.New.Text("LogGroupName")}
	stream := req.New.Text("LogStreamName")
	if stream == "" {
		stream = req.Name(512)
	}
	in := map[string]any{"logGroupName": n.Group, "logStreamName": stream}
	err := r.makeOnce(ctx, req, n.streams().Str(stream), func() error { return r.d.Do(ctx, service, "CreateLogStream", in, nil) })
	return room.Result{Physical: stream}, err
}

func (r *logsRoom) deleteStreamResource(ctx context.Context, req room.Request) error {
	in := map[string]any{"logGroupName": req.Old.Text("LogGroupName"), "logStreamName": req.Physical}
	return absent(r.d.Do(ctx, service, "DeleteLogStream", in, nil))
}

// putFilterResource makes or changes a subscription filter; Ref gives its name. Another name or group replaces it.
func (r *logsRoom) putFilterResource(ctx context.Context, req room.Request) (room.Result, error) {
	filterName := req.New.Text("FilterName")
	switch {
	case filterName == "" && req.Physical != "" && !req.Changed("LogGroupName", "FilterName"):
		filterName = req.Physical
	case filterName == "":
		filterName = req.Name(512)
	}
	in := map[string]any{
		"logGroupName": req.New.Text("LogGroupName"), "filterName": filterName, "filterPattern": req.New.Text("FilterPattern"),
		"destinationArn": req.New.Text("DestinationArn"),
	}
	for property, parameter := range map[string]string{"RoleArn": "roleArn", "Distribution": "distribution"} {
		if v := req.New.Text(property); v != "" {
			in[parameter] = v
		}
	}
	if err := r.d.Do(ctx, service, "PutSubscriptionFilter", in, nil); err != nil || req.Physical == "" || !req.Changed("LogGroupName") {
		return room.Result{Physical: filterName}, err
	}
	// The physical id says nothing of the group: the engine would not know that the filter of the old one goes.
	return room.Result{Physical: filterName}, r.deleteFilterResource(ctx, req)
}

func (r *logsRoom) deleteFilterResource(ctx context.Context, req room.Request) error {
	in := map[string]any{"logGroupName": req.Old.Text("LogGroupName"), "filterName": req.Physical}
	return absent(r.d.Do(ctx, service, "DeleteSubscriptionFilter", in, nil))
}
