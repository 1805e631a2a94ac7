package sfn

import (
	"context"
	"sort"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
)

const maxTags = 50

func tagMap(list []api.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		out[deref(t.Key)] = deref(t.Value)
	}
	return out
}

func tagList(m map[string]string) []api.Tag {
	out := []api.Tag{}
	for k, v := range m {
		out = append(out, api.Tag{Key: ptr(k), Value: ptr(v)})
	}
	sort.Slice(out, func(i, j int) bool { return *out[i].Key < *out[j].Key })
	return out
}

// tagged reads the tags of a state machine or activity; save writes them back.
func tagged(tx store.Reader, arn string) (tags map[string]string, put func(store.Tx, map[string]string) error, err error) {
	a, err := cloud.ParseARN(arn)
	if err != nil {
		return nil, nil, errARN(arn)
	}
	typ, id := a.ResourceType()
	n := name{a.Scope(), id}
	switch typ {
	case "stateMachine":
		var m machine
		found, err := load(tx, n.machineKey(), &m)
		if err != nil || !found {
			return nil, nil, either(err, errNoResource(arn))
		}
		return m.Tags, func(tx store.Tx, t map[string]string) error { m.Tags = t; return save(tx, n.machineKey(), &m) }, nil
	case "activity":
		var v activity
		found, err := load(tx, n.activityKey(), &v)
		if err != nil || !found {
			return nil, nil, either(err, errNoResource(arn))
		}
		return v.Tags, func(tx store.Tx, t map[string]string) error { v.Tags = t; return save(tx, n.activityKey(), &v) }, nil
	}
	return nil, nil, errARN(arn)
}

func either(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (r *sfnRoom) listTags(ctx context.Context, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	out := &api.ListTagsForResourceOutput{}
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		tags, _, err := tagged(tx, deref(in.ResourceArn))
		out.Tags = tagList(tags)
		return err
	})
	return out, err
}

func (r *sfnRoom) changeTags(ctx context.Context, arn string, change func(map[string]string)) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		old, put, err := tagged(tx, arn)
		if err != nil {
			return err
		}
		tags := map[string]string{}
		for k, v := range old {
			tags[k] = v
		}
		if change(tags); len(tags) > maxTags {
			return errTooManyTags(arn)
		}
		return put(tx, tags)
	})
}

func (r *sfnRoom) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, r.changeTags(ctx, deref(in.ResourceArn), func(m map[string]string) {
		for k, v := range tagMap(in.Tags) {
			m[k] = v
		}
	})
}

func (r *sfnRoom) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, r.changeTags(ctx, deref(in.ResourceArn), func(m map[string]string) {
		for _, k := range in.TagKeys {
			delete(m, k)
		}
	})
}
