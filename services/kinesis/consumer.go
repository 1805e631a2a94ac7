package kinesis

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/store"
)

// consumer is a consumer with enhanced fan-out.
type consumer struct {
	Name    string
	Created time.Time
	Tags    map[string]string `json:",omitempty"`
	Policy  string            `json:",omitempty"`
}

// maxConsumers is how many consumers a stream has at most.
const maxConsumers = 20

func (c *consumer) arn(at ref) cloud.ARN {
	a := at.arn()
	a.Resource += "/consumer/" + c.Name + ":" + strconv.FormatInt(c.Created.Unix(), 10)
	return a
}

func (c *consumer) output(at ref, status string) *api.Consumer {
	return &api.Consumer{ConsumerName: &c.Name, ConsumerARN: new(c.arn(at).String()), ConsumerStatus: &status, ConsumerCreationTimestamp: &c.Created}
}

func (st *stream) consumerKey(name string) store.Key { return st.consumersKey().Str(name) }

// consumer reads a consumer; nil when there is none.
func (st *stream) consumer(r store.Reader, name string) (*consumer, error) {
	raw, err := r.Get(st.consumerKey(name))
	if err != nil || raw == nil {
		return nil, err
	}
	c := &consumer{}
	return c, json.Unmarshal(raw, c)
}

func (st *stream) saveConsumer(tx store.Tx, c *consumer) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.Put(st.consumerKey(c.Name), raw)
}

// consumers gives a stream's consumers by name, those after a name.
func (st *stream) consumers(r store.Reader, after string) ([]consumer, error) {
	o := store.Prefix(st.consumersKey())
	if after != "" {
		o.Lo = st.consumerKey(after).End()
	}
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	var out []consumer
	for it.Next() {
		var c consumer
		if err := json.Unmarshal(it.Value(), &c); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, it.Err()
}

// consumerName is the name in what the ARN of a consumer says of it.
func consumerName(full string) string {
	if i := strings.LastIndexByte(full, ':'); i >= 0 {
		return full[:i]
	}
	return full
}

// onConsumer calls f with the consumer of an ARN.
func (s *service) onConsumer(r store.Reader, a cloud.ARN, f func(*stream, *consumer) error) error {
	at, full, _ := refOfARN(a)
	st, err := s.find(r, at)
	if err != nil {
		return err
	}
	name := consumerName(full)
	c, err := st.consumer(r, name)
	if err == nil && (c == nil || c.arn(at) != a) {
		return errNoConsumer(name, at.Account)
	}
	if err != nil {
		return err
	}
	return f(st, c)
}

// consumerARN finds the ARN of the consumer that a request names.
func (s *service) consumerARN(ctx context.Context, streamARN, name, arn *string) (cloud.ARN, error) {
	if arn != nil {
		a, err := resourceARN(arn)
		if _, consumer, _ := refOfARN(a); err == nil && consumer == "" {
			return a, errArgument("Invalid ConsumerARN %s", *arn)
		}
		return a, err
	}
	if streamARN == nil || name == nil {
		return cloud.ARN{}, errArgument("Either ConsumerARN or both StreamARN and ConsumerName must be provided.")
	}
	at, err := s.at(ctx, nil, streamARN, nil)
	if err != nil {
		return cloud.ARN{}, err
	}
	var a cloud.ARN
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		c, err := st.consumer(r, *name)
		if err == nil && c == nil {
			return errNoConsumer(*name, at.Account)
		}
		if err == nil {
			a = c.arn(at)
		}
		return err
	})
	return a, err
}

// registerStreamConsumer serves RegisterStreamConsumer.
func (s *service) registerStreamConsumer(ctx context.Context, in *api.RegisterStreamConsumerInput) (*api.RegisterStreamConsumerOutput, error) {
	at, err := s.at(ctx, nil, in.StreamARN, nil)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	c := &consumer{Name: *in.ConsumerName, Created: s.d.Clock.Now().UTC().Truncate(time.Second), Tags: in.Tags}
	err = s.update(ctx, func(tx store.Tx) error {
		st, err := s.find(tx, at)
		if err != nil {
			return err
		}
		all, err := st.consumers(tx, "")
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Name == c.Name {
				return errInUse("Consumer %s under stream %s already exists for account %s.", c.Name, at.arn(), at.Account)
			}
		}
		if len(all) >= maxConsumers {
			return errLimit("Stream %s under account %s has %d consumers, the most that it may have.", at.Name, at.Account, len(all))
		}
		return st.saveConsumer(tx, c)
	})
	if err != nil {
		return nil, err
	}
	return &api.RegisterStreamConsumerOutput{Consumer: c.output(at, "CREATING")}, nil
}

// describeStreamConsumer serves DescribeStreamConsumer.
func (s *service) describeStreamConsumer(ctx context.Context, in *api.DescribeStreamConsumerInput) (*api.DescribeStreamConsumerOutput, error) {
	a, err := s.consumerARN(ctx, in.StreamARN, in.ConsumerName, in.ConsumerARN)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStreamConsumerOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		return s.onConsumer(r, a, func(st *stream, c *consumer) error {
			status := "ACTIVE"
			out.ConsumerDescription = &api.ConsumerDescription{ConsumerName: &c.Name, ConsumerARN: new(a.String()), ConsumerStatus: &status,
				ConsumerCreationTimestamp: &c.Created, StreamARN: new(st.arn().String())}
			return nil
		})
	})
	return out, err
}

// listStreamConsumers serves ListStreamConsumers.
func (s *service) listStreamConsumers(ctx context.Context, in *api.ListStreamConsumersInput) (*api.ListStreamConsumersOutput, error) {
	at, err := s.at(ctx, nil, in.StreamARN, nil)
	if err != nil {
		return nil, err
	}
	var from token
	if in.NextToken != nil {
		if from, err = s.parseToken(*in.NextToken, at.Scope); err != nil || from.At != at {
			return nil, cmp.Or[error](err, errArgument("Invalid NextToken."))
		}
	}
	limit := 100
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &api.ListStreamConsumersOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		out.Consumers, out.NextToken = []api.Consumer{}, nil
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		if t := in.StreamCreationTimestamp; t != nil && t.Unix() != st.Created.Unix() {
			return errNoStream(at)
		}
		all, err := st.consumers(r, from.After)
		if len(all) > limit {
			all = all[:limit]
			out.NextToken = s.nextToken(token{At: at, After: all[limit-1].Name})
		}
		for i := range all {
			out.Consumers = append(out.Consumers, *all[i].output(at, "ACTIVE"))
		}
		return err
	})
	return out, err
}

// deregisterStreamConsumer serves DeregisterStreamConsumer.
func (s *service) deregisterStreamConsumer(ctx context.Context, in *api.DeregisterStreamConsumerInput) (*api.DeregisterStreamConsumerOutput, error) {
	a, err := s.consumerARN(ctx, in.StreamARN, in.ConsumerName, in.ConsumerARN)
	if err != nil {
		return nil, err
	}
	return &api.DeregisterStreamConsumerOutput{}, s.update(ctx, func(tx store.Tx) error {
		return s.onConsumer(tx, a, func(st *stream, c *consumer) error {
			tx.AfterCommit(func(store.Stamp) {
				s.policies.Forget(a)
				s.metersOf(st.ref).consumers.Delete(c.Name)
			})
			return tx.Delete(st.consumerKey(c.Name))
		})
	})
}
