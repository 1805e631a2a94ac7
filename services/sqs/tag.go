package sqs

import (
	"context"
	"maps"
	"strings"
	"unicode/utf8"

	api "sundog/api/sqs"
	"sundog/internal/pattern"
)

const maxTags = 50

// tagText are the characters of tags' keys and values (SQS Developer Guide, "Amazon SQS cost allocation tags").
var tagText = pattern.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags checks the tags that a queue is to have.
func checkTags(n name, tags map[string]string) error {
	if len(tags) > maxTags {
		return errParameter("Too many tags added for queue %s. Maximum number of tags allowed per queue is %d.", n.Queue, maxTags)
	}
	for k, v := range tags {
		switch {
		case k == "" || utf8.RuneCountInString(k) > 128:
			return errParameter("Tag keys must be between 1 and 128 characters in length.")
		case utf8.RuneCountInString(v) > 256:
			return errParameter("Tag values must be between 0 and 256 characters in length.")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return errParameter("Tag keys cannot start with 'aws:', which is reserved.")
		case !tagText.MatchString(k) || !tagText.MatchString(v):
			return errParameter("Tag keys and values can only include letters, digits, white space and the characters _.:/=+-@")
		}
	}
	return nil
}

func (r *sqsRoom) tagQueue(ctx context.Context, in *api.TagQueueInput) (*api.TagQueueOutput, error) {
	if len(in.Tags) == 0 {
		return nil, errMissing("Tags")
	}
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &api.TagQueueOutput{}, r.change(ctx, n, func(rec *record) error {
		if rec.Tags == nil {
			rec.Tags = map[string]string{}
		}
		maps.Copy(rec.Tags, in.Tags)
		return checkTags(n, rec.Tags)
	})
}

func (r *sqsRoom) untagQueue(ctx context.Context, in *api.UntagQueueInput) (*api.UntagQueueOutput, error) {
	if len(in.TagKeys) == 0 {
		return nil, errMissing("TagKeys")
	}
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &api.UntagQueueOutput{}, r.change(ctx, n, func(rec *record) error {
		for _, k := range in.TagKeys {
			delete(rec.Tags, k)
		}
		return nil
	})
}

func (r *sqsRoom) listTags(ctx context.Context, in *api.ListQueueTagsInput) (*api.ListQueueTagsOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil || len(rec.Tags) == 0 {
		return &api.ListQueueTagsOutput{}, err
	}
	return &api.ListQueueTagsOutput{Tags: rec.Tags}, nil
}
