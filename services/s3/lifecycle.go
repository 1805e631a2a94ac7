package s3

import (
	"context"
	"slices"
	"strings"
	"time"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/timer"
)

// lifecycleKind is the kind of the timers that sweep buckets, once a day at midnight UTC.
const lifecycleKind = "s3.lifecycle"

const day = 24 * time.Hour

// due gives the midnight at which what happened at a time, and is done after days, is due (User Guide, "Lifecycle rules: based on an object's age").
func due(at time.Time, days int32) time.Time {
	return nextMidnight(at.Add(time.Duration(days) * day))
}

// nextMidnight gives the first midnight after a time, UTC.
func nextMidnight(at time.Time) time.Time { return at.UTC().Truncate(day).Add(day) }

func (r *s3Room) putLifecycle(ctx context.Context, in *api.PutBucketLifecycleConfigurationInput) (*api.PutBucketLifecycleConfigurationOutput, error) {
	minimum := text(in.TransitionDefaultMinimumObjectSize)
	switch minimum {
	case "":
		minimum = "all_storage_classes_128K"
	case "all_storage_classes_128K", "varies_by_storage_class":
	default:
		return nil, errRequest("Invalid TransitionDefaultMinimumObjectSize found: %s", minimum)
	}
	if in.LifecycleConfiguration == nil || len(in.LifecycleConfiguration.Rules) == 0 || len(in.LifecycleConfiguration.Rules) > 1000 {
		return nil, errXML()
	}
	rules := in.LifecycleConfiguration.Rules
	seen := map[string]bool{}
	for i := range rules {
		if err := checkLifecycle(&rules[i]); err != nil {
			return nil, err
		}
		if rules[i].ID == nil {
			rules[i].ID = new(r.d.IDs.UUID())
		}
		if seen[*rules[i].ID] {
			return nil, errArgument("ID", *rules[i].ID, "Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[*rules[i].ID] = true
	}
	return &api.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: &minimum}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(tx store.Tx, b *bucket) error {
		b.Lifecycle, b.MinimumSize = rules, minimum
		return r.setTimer(tx, b.Name)
	})
}

func (r *s3Room) setTimer(tx store.Tx, bucket string) error {
	return r.d.Timers.Set(tx, timer.Timer{Shard: shardOf(bucket), Kind: lifecycleKind, ID: bucket, Due: nextMidnight(r.d.Clock.Now())})
}

// checkLifecycle checks a rule; what is not applied is refused.
func checkLifecycle(rule *api.LifecycleRule) error {
	status := text(rule.Status)
	e := rule.Expiration
	switch {
	case status != "Enabled" && status != "Disabled", rule.Filter != nil && rule.Prefix != nil, rule.Filter == nil && rule.Prefix == nil:
		return errXML()
	case len(rule.Transitions) > 0 || len(rule.NoncurrentVersionTransitions) > 0:
		return cloud.NotImplementedf("Transitions of lifecycle rules (Transitions, NoncurrentVersionTransitions) are not served by this platform: it has one kind of storage.")
	case e == nil && rule.NoncurrentVersionExpiration == nil && rule.AbortIncompleteMultipartUpload == nil:
		return errRequest("At least one action needs to be specified in a rule")
	case len(text(rule.ID)) > 255:
		return errArgument("ID", *rule.ID, "ID length should not exceed allowed limit of 255")
	}
	if e != nil {
		n := 0
		for _, given := range []bool{e.Date != nil, e.Days != nil, e.ExpiredObjectDeleteMarker != nil} {
			if given {
				n++
			}
		}
		if n != 1 {
			return errXML()
		}
		if e.Date != nil && !e.Date.UTC().Truncate(day).Equal(*e.Date) {
			return errArgument("Date", e.Date.UTC().Format(time.RFC3339), "'Date' must be at midnight GMT")
		}
		if e.Days != nil && *e.Days < 1 {
			return errArgument("Days", number(e.Days), "'Days' for Expiration action must be a positive integer")
		}
	}
	if n := rule.NoncurrentVersionExpiration; n != nil && (n.NoncurrentDays == nil || *n.NoncurrentDays < 1) {
		return errArgument("NoncurrentDays", number(n.NoncurrentDays), "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
	}
	if a := rule.AbortIncompleteMultipartUpload; a != nil {
		if a.DaysAfterInitiation == nil || *a.DaysAfterInitiation < 1 {
			return errArgument("DaysAfterInitiation", number(a.DaysAfterInitiation), "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
		}
		if s := selectorOf(*rule); len(s.tags) > 0 || s.over != nil || s.under != nil {
			return errRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
		}
	}
	return checkTags(selectorOf(*rule).tags, maxObjectTags, false)
}

func (r *s3Room) getLifecycle(ctx context.Context, in *api.GetBucketLifecycleConfigurationInput) (*api.GetBucketLifecycleConfigurationOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.Lifecycle) == 0 {
		return nil, fault(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist").With("BucketName", b.Name)
	}
	return &api.GetBucketLifecycleConfigurationOutput{Rules: b.Lifecycle, TransitionDefaultMinimumObjectSize: &b.MinimumSize}, nil
}

func (r *s3Room) deleteLifecycle(ctx context.Context, in *api.DeleteBucketLifecycleInput) (*api.DeleteBucketLifecycleOutput, error) {
	return &api.DeleteBucketLifecycleOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(tx store.Tx, b *bucket) error {
		b.Lifecycle, b.MinimumSize = nil, ""
		return r.d.Timers.Cancel(tx, shardOf(b.Name), lifecycleKind, b.Name)
	})
}

// selector is what a rule applies to.
type selector struct {
	prefix      string
	tags        []api.Tag
	over, under *int64 // bytes, exclusive
}

func selectorOf(rule api.LifecycleRule) selector {
	s := selector{prefix: text(rule.Prefix)}
	f := rule.Filter
	if f == nil {
		return s
	}
	if f.And != nil {
		return selector{text(f.And.Prefix), f.And.Tags, f.And.ObjectSizeGreaterThan, f.And.ObjectSizeLessThan}
	}
	s = selector{prefix: text(f.Prefix), over: f.ObjectSizeGreaterThan, under: f.ObjectSizeLessThan}
	if f.Tag != nil {
		s.tags = []api.Tag{*f.Tag}
	}
	return s
}

func (s selector) picks(o *object) bool {
	if !strings.HasPrefix(o.Key, s.prefix) || s.over != nil && o.Size <= *s.over || s.under != nil && o.Size >= *s.under {
		return false
	}
	for _, want := range s.tags {
		if !slices.ContainsFunc(o.Tags, func(t api.Tag) bool { return text(t.Key) == text(want.Key) && text(t.Value) == text(want.Value) }) {
			return false
		}
	}
	return true
}

// expiry gives the earliest time at which a rule expires a current version, and the rule's id; false when none does.
func expiry(b *bucket, o *object) (at time.Time, id string, ok bool) {
	for _, rule := range b.Lifecycle {
		e := rule.Expiration
		if text(rule.Status) != "Enabled" || e == nil || !selectorOf(rule).picks(o) {
			continue
		}
		var t time.Time
		switch {
		case e.Days != nil:
			t = due(o.modified(), *e.Days)
		case e.Date != nil:
			t = *e.Date
		default:
			continue
		}
		if !ok || t.Before(at) {
			at, id, ok = t, text(rule.ID), true
		}
	}
	return at, id, ok
}

// expirationOf is the header x-amz-expiration.
func expirationOf(b *bucket, o *object) *string {
	at, id, ok := expiry(b, o)
	if !ok {
		return nil
	}
	return new(`expiry-date="` + at.UTC().Format(httpTime) + `", rule-id="` + escapeKey(id) + `"`)
}

// abortOf gives when a rule ends an upload, and the rule's id.
func abortOf(b *bucket, u *upload) (at *time.Time, id *string) {
	for _, rule := range b.Lifecycle {
		a := rule.AbortIncompleteMultipartUpload
		if text(rule.Status) != "Enabled" || a == nil || !strings.HasPrefix(u.Key, selectorOf(rule).prefix) {
			continue
		}
		if t := due(u.Object.modified(), *a.DaysAfterInitiation); at == nil || t.Before(*at) {
			at, id = &t, rule.ID
		}
	}
	return at, id
}
