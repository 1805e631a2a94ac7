package kinesis

import (
	"context"
	"maps"
	"slices"
	"strings"

	api "sundog/api/kinesis"
	"sundog/engine/store"
)

const maxTags = 50

// checkTags refuses the tags that only AWS sets. Those of CloudFormation come from the platform's own.
func checkTags(tags map[string]string) error {
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") && !strings.HasPrefix(k, "aws:cloudformation:") {
			return errArgument("Tag keys cannot start with 'aws:', which is reserved: %s", k)
		}
	}
	return nil
}

// withTags adds tags to those of a stream or consumer.
func withTags(at ref, have, more map[string]string) (map[string]string, error) {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, more)
	if len(out) > maxTags {
		return nil, errArgument("Failed to add tags to stream %s under account %s because a given stream cannot have more than %d tags associated with it.", at.Name, at.Account, maxTags)
	}
	return out, checkTags(more)
}

func withoutTags(have map[string]string, keys []string) map[string]string {
	out := maps.Clone(have)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

// addTagsToStream serves AddTagsToStream.
func (s *service) addTagsToStream(ctx context.Context, in *api.AddTagsToStreamInput) (*api.AddTagsToStreamOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	return &api.AddTagsToStreamOutput{}, s.change(ctx, at, func(_ store.Tx, st *stream) (err error) {
		st.Tags, err = withTags(at, st.Tags, in.Tags)
		return err
	})
}

// removeTagsFromStream serves RemoveTagsFromStream.
func (s *service) removeTagsFromStream(ctx context.Context, in *api.RemoveTagsFromStreamInput) (*api.RemoveTagsFromStreamOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	return &api.RemoveTagsFromStreamOutput{}, s.change(ctx, at, func(_ store.Tx, st *stream) error {
		st.Tags = withoutTags(st.Tags, in.TagKeys)
		return nil
	})
}

// listTagsForStream serves ListTagsForStream.
func (s *service) listTagsForStream(ctx context.Context, in *api.ListTagsForStreamInput) (*api.ListTagsForStreamOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	limit := maxTags
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &api.ListTagsForStreamOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		all := tagList(st.Tags)
		if from := in.ExclusiveStartTagKey; from != nil {
			all = slices.DeleteFunc(all, func(t api.Tag) bool { return *t.Key <= *from })
		}
		out.HasMoreTags = new(len(all) > limit)
		out.Tags = all[:min(limit, len(all))]
		return nil
	})
	return out, err
}

func tagList(tags map[string]string) []api.Tag {
	out := []api.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, api.Tag{Key: &k, Value: new(tags[k])})
	}
	return out
}

// retag changes the tags of what an ARN names.
func (s *service) retag(ctx context.Context, arn *string, f func(ref, map[string]string) (map[string]string, error)) error {
	a, err := resourceARN(arn)
	if err != nil {
		return err
	}
	at, consumerName, _ := refOfARN(a)
	if consumerName == "" {
		return s.change(ctx, at, func(_ store.Tx, st *stream) (err error) {
			st.Tags, err = f(at, st.Tags)
			return err
		})
	}
	return s.update(ctx, func(tx store.Tx) error {
		return s.onConsumer(tx, a, func(st *stream, c *consumer) (err error) {
			if c.Tags, err = f(at, c.Tags); err != nil {
				return err
			}
			return st.saveConsumer(tx, c)
		})
	})
}

// tagResource serves TagResource.
func (s *service) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, s.retag(ctx, in.ResourceARN, func(at ref, have map[string]string) (map[string]string, error) {
		return withTags(at, have, in.Tags)
	})
}

// untagResource serves UntagResource.
func (s *service) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, s.retag(ctx, in.ResourceARN, func(_ ref, have map[string]string) (map[string]string, error) {
		return withoutTags(have, in.TagKeys), nil
	})
}

// listTagsForResource serves ListTagsForResource.
func (s *service) listTagsForResource(ctx context.Context, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	a, err := resourceARN(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	at, consumerName, _ := refOfARN(a)
	out := &api.ListTagsForResourceOutput{}
	return out, s.view(ctx, func(r store.Reader) error {
		if consumerName != "" {
			return s.onConsumer(r, a, func(_ *stream, c *consumer) error {
				out.Tags = tagList(c.Tags)
				return nil
			})
		}
		st, err := s.find(r, at)
		if err == nil {
			out.Tags = tagList(st.Tags)
		}
		return err
	})
}
