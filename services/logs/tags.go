package logs

import (
	"context"
	"maps"
	"strings"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/store"
)

const maxTags = 50

func checkTags(tags map[string]string) error {
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return errParameter("Tag keys starting with 'aws:' are reserved for internal use.")
		}
	}
	if len(tags) > maxTags {
		return errTooMany()
	}
	return nil
}

func errTooMany() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "TooManyTagsException", "The resource can have no more than %d tags.", maxTags).WithStatus(400)
}

// byResource finds the group of a resource ARN, as the operations on tags name their resource.
func (r *logsRoom) byResource(ctx context.Context, arn *string) (name, error) {
	n, err := byARN(ctx, text(arn))
	if err != nil {
		return n, err
	}
	if _, err := r.record(ctx, n); cloud.IsCode(err, "ResourceNotFoundException") {
		return n, errNoResource()
	} else if err != nil {
		return n, err
	}
	return n, nil
}

func (r *logsRoom) tag(ctx context.Context, n name, tags map[string]string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return r.change(ctx, n, func(_ store.Tx, rec *record) error {
		if rec.Tags == nil {
			rec.Tags = map[string]string{}
		}
		maps.Copy(rec.Tags, tags)
		if len(rec.Tags) > maxTags {
			return errTooMany()
		}
		return nil
	})
}

func (r *logsRoom) untag(ctx context.Context, n name, keys []string) error {
	return r.change(ctx, n, func(_ store.Tx, rec *record) error {
		for _, k := range keys {
			delete(rec.Tags, k)
		}
		return nil
	})
}

func (r *logsRoom) tags(ctx context.Context, n name) (map[string]string, error) {
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	if rec.Tags == nil {
		return map[string]string{}, nil
	}
	return rec.Tags, nil
}

func (r *logsRoom) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	n, err := r.byResource(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, r.tag(ctx, n, in.Tags)
}

func (r *logsRoom) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	n, err := r.byResource(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, r.untag(ctx, n, in.TagKeys)
}

func (r *logsRoom) listTags(ctx context.Context, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	n, err := r.byResource(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := r.tags(ctx, n)
	return &api.ListTagsForResourceOutput{Tags: tags}, err
}

func (r *logsRoom) tagGroup(ctx context.Context, in *api.TagLogGroupInput) (*api.TagLogGroupOutput, error) {
	return &api.TagLogGroupOutput{}, r.tag(ctx, name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}, in.Tags)
}

func (r *logsRoom) untagGroup(ctx context.Context, in *api.UntagLogGroupInput) (*api.UntagLogGroupOutput, error) {
	return &api.UntagLogGroupOutput{}, r.untag(ctx, name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}, in.Tags)
}

func (r *logsRoom) listTagsGroup(ctx context.Context, in *api.ListTagsLogGroupInput) (*api.ListTagsLogGroupOutput, error) {
	tags, err := r.tags(ctx, name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)})
	return &api.ListTagsLogGroupOutput{Tags: tags}, err
}
