package sqs

import (
	"context"
	"encoding/base64"
	"strings"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/store"
)

// listing is one page of names.
type listing struct {
	prefix, after string
	max           int // 0: up to 1,000, without a token
}

func (r *sqsRoom) listQueues(ctx context.Context, in *api.ListQueuesInput) (*api.ListQueuesOutput, error) {
	page, err := pageOf(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	page.prefix = text(in.QueueNamePrefix)
	urls, next, err := r.page(ctx, page, func(store.Reader, name) (bool, error) { return true, nil })
	if err != nil {
		return nil, err
	}
	return &api.ListQueuesOutput{QueueUrls: urls, NextToken: next}, nil
}

func (r *sqsRoom) listSources(ctx context.Context, in *api.ListDeadLetterSourceQueuesInput) (*api.ListDeadLetterSourceQueuesOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	page, err := pageOf(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	urls, next, err := r.page(ctx, page, func(rd store.Reader, other name) (bool, error) {
		rec, err := readRecord(rd, other)
		return err == nil && rec != nil && rec.config().redrive.target == n.arn(), err
	})
	if err != nil {
		return nil, err
	}
	if urls == nil {
		urls = []string{}
	}
	return &api.ListDeadLetterSourceQueuesOutput{QueueUrls: urls, NextToken: next}, nil
}

func pageOf(maxResults *int32, token *string) (listing, error) {
	var p listing
	if maxResults != nil {
		if *maxResults < 1 || *maxResults > 1000 {
			return p, errValue(*maxResults, "MaxResults", "Must be between 1 and 1000, if provided.")
		}
		p.max = int(*maxResults)
	}
	if text(token) != "" {
		after, err := base64.URLEncoding.DecodeString(*token)
		if err != nil {
			return p, errParameter("Invalid or expired next token.")
		}
		p.after = string(after)
	}
	return p, nil
}

// page gives the URLs of the caller's queues that match, and a token when there are more.
func (r *sqsRoom) page(ctx context.Context, p listing, match func(store.Reader, name) (bool, error)) (urls []string, next *string, err error) {
	sc := cloud.CallFrom(ctx).Scope
	limit := p.max
	if limit == 0 {
		limit = 1000
	}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		urls, next = nil, nil
		var last string
		return r.eachQueue(rd, sc, p.after, func(n name) (bool, error) {
			if !strings.HasPrefix(n.Queue, p.prefix) {
				return true, nil
			}
			ok, err := match(rd, n)
			if err != nil || !ok {
				return err == nil, err
			}
			if len(urls) == limit {
				if p.max > 0 {
					next = new(base64.URLEncoding.EncodeToString([]byte(last)))
				}
				return false, nil
			}
			urls, last = append(urls, n.url(ctx)), n.Queue
			return true, nil
		})
	})
	return urls, next, err
}

// eachQueue walks over a scope's queues by name, those after a name, until fn returns false.
func (r *sqsRoom) eachQueue(rd store.Reader, sc cloud.Scope, after string, fn func(name) (bool, error)) error {
	prefix := listKey(sc)
	o := store.Prefix(prefix)
	if after != "" {
		o.Lo = prefix.Clone().Str(after).End()
	}
	it := rd.Scan(o)
	defer func() { _ = it.Close() }()
	for it.Next() {
		queue, _, err := store.CutStr(it.Key()[len(prefix):])
		if err != nil {
			return err
		}
		if more, err := fn(name{sc, queue}); err != nil || !more {
			return err
		}
	}
	return it.Err()
}
