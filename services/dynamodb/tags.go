package dynamodb

import (
	"context"
	"maps"
	"slices"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
)

// mergeTags checks tags and gives them merged over others; nil when there are none.
func mergeTags(have cloudTags, in []api.Tag) (cloudTags, error) {
	out := maps.Clone(have)
	seen := map[string]bool{}
	for i, t := range in {
		member := "tags." + itoa(int32(i+1)) + ".member."
		if t.Key == nil {
			return nil, errNull(member + "key")
		}
		if t.Value == nil {
			return nil, errNull(member + "value")
		}
		if len(*t.Key) == 0 || len(*t.Key) > 128 {
			return nil, errMember(*t.Key, member+"key", "Member must have length between 1 and 128")
		}
		if len(*t.Value) > 256 {
			return nil, errMember(*t.Value, member+"value", "Member must have length less than or equal to 256")
		}
		if seen[*t.Key] {
			return nil, errValidation("Duplicate tag keys found: %s", *t.Key)
		}
		seen[*t.Key] = true
		if out == nil {
			out = cloudTags{}
		}
		out[*t.Key] = *t.Value
	}
	if len(out) > maxTags {
		return nil, errLimit("Too many tags: the limit is %d per resource", maxTags)
	}
	return out, nil
}

func resourceRef(arn *string) (ref, error) {
	if arn == nil {
		return ref{}, errNull("resourceArn")
	}
	return refOfARN(*arn)
}

// tagResource serves TagResource.
func (s *service) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	at, err := resourceRef(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, errValidation("Atleast one Tag needs to be provided as Input.")
	}
	_, err = s.change(ctx, at, func(_ store.Tx, t *table) (err error) {
		t.Tags, err = mergeTags(t.Tags, in.Tags)
		return err
	})
	return &api.TagResourceOutput{}, asResource(err, in.ResourceArn)
}

// untagResource serves UntagResource.
func (s *service) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	at, err := resourceRef(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, errValidation("Atleast one Tag Key needs to be provided as Input.")
	}
	_, err = s.change(ctx, at, func(_ store.Tx, t *table) error {
		t.Tags = maps.Clone(t.Tags)
		for _, k := range in.TagKeys {
			delete(t.Tags, k)
		}
		return nil
	})
	return &api.UntagResourceOutput{}, asResource(err, in.ResourceArn)
}

// asResource words a missing table as operations on ARNs do.
func asResource(err error, arn *string) error {
	if isMissing(err) {
		return errNoResource(str(arn))
	}
	return err
}

const tagPage = 10

// listTagsOfResource serves ListTagsOfResource, ten tags a page.
func (s *service) listTagsOfResource(ctx context.Context, in *api.ListTagsOfResourceInput) (*api.ListTagsOfResourceOutput, error) {
	at, err := resourceRef(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsOfResourceOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		t, err := s.find(r, at)
		if err != nil {
			return err
		}
		out.Tags, out.NextToken = []api.Tag{}, nil
		for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
			if k <= str(in.NextToken) {
				continue
			}
			if len(out.Tags) == tagPage {
				out.NextToken = out.Tags[tagPage-1].Key
				break
			}
			v := t.Tags[k]
			out.Tags = append(out.Tags, api.Tag{Key: &k, Value: &v})
		}
		return nil
	})
	return out, asResource(err, in.ResourceArn)
}
