package kinesis

import (
	"context"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/store"
)

// What operations need, by the Service Authorization Reference, "Actions, resources, and condition keys for Amazon Kinesis Data Streams".

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// at finds the stream that a request names: by its ARN, its StreamId or its name.
func (s *service) at(ctx context.Context, name, arn, id *string) (ref, error) {
	sc := cloud.CallFrom(ctx).Scope
	switch {
	case arn != nil:
		a, err := cloud.ParseARN(*arn)
		at, consumer, ok := refOfARN(a)
		if err != nil || !ok || consumer != "" {
			return at, errArgument("Invalid StreamARN %s", *arn)
		}
		if name != nil && *name != at.Name {
			return at, errArgument("StreamName %s does not match the StreamARN %s", *name, *arn)
		}
		return at, nil
	case name != nil:
		return ref{sc, *name}, nil
	case id != nil:
		at := ref{Scope: sc}
		err := s.view(ctx, func(r store.Reader) error {
			b, err := r.Get(idKey(sc, *id))
			if err == nil && b == nil {
				return errNoStreamID(*id, sc.Account)
			}
			at.Name = string(b)
			return err
		})
		return at, err
	}
	return ref{}, errArgument("Either StreamName or StreamARN must be provided.")
}

// names are how a request names its stream.
type names struct{ name, arn, id *string }

// onStream is the access of operations on one stream.
func onStream[I any](s *service, action string, named func(*I) names) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n := named(in)
		at, err := s.at(ctx, n.name, n.arn, n.id)
		return []cloud.Access{{Action: "kinesis:" + action, Resource: at.arn()}}, err
	}
}

// onAny is the access of operations that name no resource.
func onAny[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "kinesis:" + action}}, nil
	}
}

// onARN is the access of operations on an ARN, of a stream or a consumer.
func onARN[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		a, err := resourceARN(arn(in))
		return []cloud.Access{{Action: "kinesis:" + action, Resource: a}}, err
	}
}

func resourceARN(text *string) (cloud.ARN, error) {
	if text == nil {
		return cloud.ARN{}, errArgument("An ARN must be provided.")
	}
	a, err := cloud.ParseARN(*text)
	if _, _, ok := refOfARN(a); err != nil || !ok {
		return a, errArgument("Invalid ARN %s", *text)
	}
	return a, nil
}

func accessGetRecords(_ context.Context, in *api.GetRecordsInput) ([]cloud.Access, error) {
	it, err := decodeIterator(*in.ShardIterator)
	return []cloud.Access{{Action: "kinesis:GetRecords", Resource: it.at.arn()}}, err
}

// accessListShards finds the stream in the token, if there is one.
func (s *service) accessListShards(ctx context.Context, in *api.ListShardsInput) ([]cloud.Access, error) {
	at, _, _, err := s.shardsAsked(ctx, in)
	return []cloud.Access{{Action: "kinesis:ListShards", Resource: at.arn()}}, err
}

// onConsumer is the access of operations on a consumer, by its ARN or by the stream's and its name.
func onConsumer[I any](s *service, action string, named func(*I) (stream, name, arn *string)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		stream, name, arn := named(in)
		a, err := s.consumerARN(ctx, stream, name, arn)
		return []cloud.Access{{Action: "kinesis:" + action, Resource: a}}, err
	}
}
