package s3

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	api "sundog/api/s3"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

const (
	maxBucketTags = 50
	maxObjectTags = 10
)

var tagText = pattern.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

func errTag(message string) error { return fault(400, "InvalidTag", "%s", message) }

// checkTags applies the rules for tags (User Guide, on object tags).
func checkTags(tags []api.Tag, limit int, ofBucket bool) error {
	if len(tags) > limit {
		if ofBucket {
			return fault(400, "BadRequest", "Bucket tag count cannot be greater than %d", limit)
		}
		return fault(400, "BadRequest", "Object tags cannot be greater than %d", limit)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch k, v := text(t.Key), text(t.Value); {
		case t.Key == nil || t.Value == nil:
			return errXML()
		case seen[k]:
			return errTag("Cannot provide multiple Tags with the same key")
		case strings.HasPrefix(k, "aws:") && ofBucket:
			return errTag("System tags cannot be added/updated by requester")
		case strings.HasPrefix(k, "aws:"):
			return errTag("Your TagKey cannot be prefixed with aws:")
		case k == "" || utf8.RuneCountInString(k) > 128 || !tagText.MatchString(k):
			return errTag("The TagKey you have provided is invalid")
		case utf8.RuneCountInString(v) > 256 || !tagText.MatchString(v):
			return errTag("The TagValue you have provided is invalid")
		default:
			seen[k] = true
		}
	}
	return nil
}

// parseTagging reads x-amz-tagging: tags as URL query parameters.
func parseTagging(header *string) ([]api.Tag, error) {
	if text(header) == "" {
		return nil, nil
	}
	var out []api.Tag
	for part := range strings.SplitSeq(*header, "&") {
		k, v, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if first(err, err2) != nil || key == "" {
			return nil, errArgument("x-amz-tagging", *header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		out = append(out, api.Tag{Key: &key, Value: &value})
	}
	if err := checkTags(out, maxObjectTags, false); err != nil {
		return nil, err
	}
	return out, nil
}

func (r *s3Room) putBucketTagging(ctx context.Context, in *api.PutBucketTaggingInput) (*api.PutBucketTaggingOutput, error) {
	return &api.PutBucketTaggingOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		if in.Tagging == nil {
			return errXML()
		}
		b.Tags = in.Tagging.TagSet
		return checkTags(b.Tags, maxBucketTags, true)
	})
}

func (r *s3Room) getBucketTagging(ctx context.Context, in *api.GetBucketTaggingInput) (*api.GetBucketTaggingOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, fault(404, "NoSuchTagSet", "The TagSet does not exist").With("BucketName", b.Name)
	}
	return &api.GetBucketTaggingOutput{TagSet: b.Tags}, nil
}

func (r *s3Room) deleteBucketTagging(ctx context.Context, in *api.DeleteBucketTaggingInput) (*api.DeleteBucketTaggingOutput, error) {
	return &api.DeleteBucketTaggingOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		b.Tags = nil
		return nil
	})
}

// retag changes the tags of a version, and tells the bucket's notifications.
func (r *s3Room) retag(ctx context.Context, name, owner, key, version *string, tags []api.Tag, event, method string) (*string, error) {
	var id *string
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := open(tx, name, owner)
		if err != nil {
			return err
		}
		o, isCurrent, err := find(tx, b, text(key), text(version))
		if err != nil {
			return err
		}
		if o == nil || o.Marker {
			return taggable(tx, b, key, version, method)
		}
		if err := checkTags(tags, maxObjectTags, false); err != nil {
			return err
		}
		o.Tags, id = tags, o.named(b)
		if err := rewrite(tx, b.Name, o, isCurrent); err != nil {
			return err
		}
		return r.notify(ctx, tx, b, happening{event: event, object: o})
	})
	return id, err
}

// taggable gives the error for a version that has no tags: unlike other reads, those of tags find delete markers without being given their id.
func taggable(rd store.Reader, b *bucket, key, version *string, method string) error {
	o, _, err := find(rd, b, text(key), text(version))
	if err != nil {
		return err
	}
	if o != nil && o.Marker {
		return errMarker(method)
	}
	_, err = lookup(rd, b, key, version, method)
	return err
}

func (r *s3Room) putObjectTagging(ctx context.Context, in *api.PutObjectTaggingInput) (*api.PutObjectTaggingOutput, error) {
	if in.Tagging == nil {
		return nil, errXML()
	}
	id, err := r.retag(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, in.Tagging.TagSet, "ObjectTagging:Put", "PUT")
	return &api.PutObjectTaggingOutput{VersionId: id}, err
}

func (r *s3Room) deleteObjectTagging(ctx context.Context, in *api.DeleteObjectTaggingInput) (*api.DeleteObjectTaggingOutput, error) {
	id, err := r.retag(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, nil, "ObjectTagging:Delete", "DELETE")
	return &api.DeleteObjectTaggingOutput{VersionId: id}, err
}

func (r *s3Room) getObjectTagging(ctx context.Context, in *api.GetObjectTaggingInput) (*api.GetObjectTaggingOutput, error) {
	var b *bucket
	var o *object
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		if b, err = open(rd, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		if err = taggable(rd, b, in.Key, in.VersionId, "GET"); err == nil {
			o, err = lookup(rd, b, in.Key, in.VersionId, "GET")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.GetObjectTaggingOutput{VersionId: o.named(b), TagSet: o.Tags}
	if out.TagSet == nil {
		out.TagSet = []api.Tag{}
	}
	return out, nil
}
