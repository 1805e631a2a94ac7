package events

import (
	"context"
	"maps"
	"slices"
	"strings"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/engine/store"
)

const maxTags = 50

func tagsOf(in []api.Tag) map[string]string {
	var out map[string]string
	for _, t := range in {
		if out == nil {
			out = map[string]string{}
		}
		out[str(t.Key)] = str(t.Value)
	}
	return out
}

// tagged calls f with the tags of a rule or bus, and keeps what f gives.
func (s *service) tagged(ctx context.Context, arn *string, f func(map[string]string) (map[string]string, error)) error {
	a, err := cloud.ParseARN(str(arn))
	if err != nil || a.Service != name {
		return errValidation("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
	}
	return s.d.Store.Update(ctx, func(tx store.Tx) error {
		if bus, n, ok := ruleOf(a); ok {
			ru, err := loadRule(tx, a.Scope(), bus, n)
			if err != nil {
				return err
			}
			if ru.Tags, err = f(ru.Tags); err != nil {
				return err
			}
			return save(tx, ruleKey(a.Scope(), bus, n), ru)
		}
		n, ok := strings.CutPrefix(a.Resource, "event-bus/")
		if !ok {
			return errValidation("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
		}
		b, err := loadBus(tx, a.Scope(), n)
		if err != nil {
			return err
		}
		if b.Tags, err = f(b.Tags); err != nil {
			return err
		}
		return save(tx, busKey(a.Scope(), n), b)
	})
}

func (s *service) tag(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, s.tagged(ctx, in.ResourceARN, func(tags map[string]string) (map[string]string, error) {
		out := map[string]string{}
		maps.Copy(out, tags)
		maps.Copy(out, tagsOf(in.Tags))
		if len(out) > maxTags {
			return nil, errLimit()
		}
		return out, nil
	})
}

func (s *service) untag(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, s.tagged(ctx, in.ResourceARN, func(tags map[string]string) (map[string]string, error) {
		out := maps.Clone(tags)
		for _, k := range in.TagKeys {
			delete(out, k)
		}
		return out, nil
	})
}

func (s *service) listTags(ctx context.Context, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	a, err := cloud.ParseARN(str(in.ResourceARN))
	if err != nil || a.Service != name {
		return nil, errValidation("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
	}
	d, err := s.describe(ctx, a)
	out := &api.ListTagsForResourceOutput{Tags: []api.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(d.Tags)) {
		v := d.Tags[k]
		out.Tags = append(out.Tags, api.Tag{Key: &k, Value: &v})
	}
	return out, err
}
