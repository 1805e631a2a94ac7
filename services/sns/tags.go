package sns

import (
	"context"
	"maps"
	"slices"

	api "sundog/api/sns"
	"sundog/cloud"
)

const maxTags = 50

// tag adds tags to a topic's.
func (r *record) tag(tags []api.Tag) error {
	if r.Tags == nil {
		r.Tags = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range tags {
		k := text(t.Key)
		if seen[k] {
			return errInvalid("Duplicated keys are not allowed.")
		}
		seen[k] = true
		r.Tags[k] = text(t.Value)
	}
	if len(r.Tags) > maxTags {
		return cloud.Errorf(cloud.Invalid, "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded").WithStatus(400)
	}
	return nil
}

// asResource words the absence of a topic as the operations on tags do.
func asResource(err error) error {
	if cloud.IsCode(err, "NotFound") {
		return errNoResource()
	}
	return err
}

func (r *snsRoom) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, asResource(r.change(ctx, in.ResourceArn, func(_ name, rec *record) error { return rec.tag(in.Tags) }))
}

func (r *snsRoom) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, asResource(r.change(ctx, in.ResourceArn, func(_ name, rec *record) error {
		for _, k := range in.TagKeys {
			delete(rec.Tags, k)
		}
		return nil
	}))
}

func (r *snsRoom) listTags(ctx context.Context, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	n, err := topicOf(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, asResource(err)
	}
	out := &api.ListTagsForResourceOutput{Tags: []api.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(rec.Tags)) {
		out.Tags = append(out.Tags, api.Tag{Key: new(k), Value: new(rec.Tags[k])})
	}
	return out, nil
}
