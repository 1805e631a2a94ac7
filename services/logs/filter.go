package logs

import (
	"context"
	"encoding/json"
	"slices"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/lang/logfilter"
)

// maxFilters is how many subscription filters a group may have.
const maxFilters = 2

// filter is a subscription filter's row.
type filter struct {
	Name         string `json:"name"`
	Pattern      string `json:"pattern"`
	Destination  string `json:"destination"`
	Role         string `json:"role,omitempty"`
	Distribution string `json:"distribution,omitempty"`
	Created      int64  `json:"created"` // unix milliseconds

	group   telemetry.LogGroup
	target  cloud.ARN
	pattern *logfilter.Pattern
}

// filterTable holds the subscription filters of all scopes, so that they can be found at start.
func filterTable() store.Key { return store.K(store.ShardOf(service), service, "filter") }

func (n name) filters() store.Key {
	return filterTable().Str(n.Account).Str(n.Region).Str(n.Group)
}

func (f *filter) compile(group telemetry.LogGroup) (err error) {
	f.group = group
	if f.target, err = cloud.ParseARN(f.Destination); err != nil {
		return errParameter("destinationArn is not valid: %s", f.Destination)
	}
	if f.pattern, err = logfilter.Parse(f.Pattern); err != nil {
		return errParameter("Invalid filter pattern")
	}
	return nil
}

// deliverable tells whether the platform delivers to the filter's destination, and the filter has what that needs.
func (f *filter) deliverable() error {
	switch f.target.Service {
	case "lambda":
		return nil
	case "kinesis":
		if f.Role == "" {
			return errParameter("destinationArn for vendor kinesis must be used with a roleArn")
		}
		return nil
	}
	return cloud.NotImplementedf("Subscription filters to %s are not served by this platform; those to functions and data streams are.", f.target.Service)
}

func (r *logsRoom) putFilter(ctx context.Context, in *api.PutSubscriptionFilterInput) (*api.PutSubscriptionFilterOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	f := filter{
		Name: text(in.FilterName), Pattern: text(in.FilterPattern), Destination: text(in.DestinationArn), Role: text(in.RoleArn),
		Distribution: text(in.Distribution), Created: r.d.Clock.Now().UnixMilli(),
	}
	if err := f.compile(n.group()); err != nil {
		return nil, err
	}
	if err := f.deliverable(); err != nil {
		return nil, err
	}
	if in.ApplyOnTransformedLogs != nil && *in.ApplyOnTransformedLogs || text(in.FieldSelectionCriteria) != "" || len(in.EmitSystemFields) > 0 {
		return nil, cloud.NotImplementedf("Transformed logs, field selection and system fields of subscription filters are not served by this platform.")
	}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	return &api.PutSubscriptionFilterOutput{}, r.changeFilters(ctx, n, func(list []filter) ([]filter, error) {
		for i := range list {
			if list[i].Name == f.Name {
				f.Created = list[i].Created
				list[i] = f
				return list, nil
			}
		}
		if len(list) >= maxFilters {
			return nil, cloud.Errorf(cloud.Invalid, "LimitExceededException", "Resource limit exceeded.").WithStatus(400)
		}
		return append(list, f), nil
	})
}

// changeFilters rewrites a group's filters, in the row and in what lines are matched with.
func (r *logsRoom) changeFilters(ctx context.Context, n name, fn func([]filter) ([]filter, error)) error {
	r.feed.changing.Lock()
	defer r.feed.changing.Unlock()
	var list []filter
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		old, err := readFilters(tx, n)
		if err != nil {
			return err
		}
		if list, err = fn(old); err != nil {
			return err
		}
		if len(list) == 0 {
			return tx.Delete(n.filters())
		}
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return tx.Put(n.filters(), b)
	})
	if err != nil {
		return err
	}
	return r.feed.set(n.group(), list)
}

func readFilters(rd store.Reader, n name) (list []filter, err error) {
	b, err := rd.Get(n.filters())
	if err != nil || b == nil {
		return nil, err
	}
	return list, json.Unmarshal(b, &list)
}

func (r *logsRoom) deleteFilter(ctx context.Context, in *api.DeleteSubscriptionFilterInput) (*api.DeleteSubscriptionFilterOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	return &api.DeleteSubscriptionFilterOutput{}, r.changeFilters(ctx, n, func(list []filter) ([]filter, error) {
		kept := slices.DeleteFunc(slices.Clone(list), func(f filter) bool { return f.Name == text(in.FilterName) })
		if len(kept) == len(list) {
			return nil, errNoResource()
		}
		return kept, nil
	})
}

func (r *logsRoom) describeFilters(ctx context.Context, in *api.DescribeSubscriptionFiltersInput) (*api.DescribeSubscriptionFiltersOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	var list []filter
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		list, err = readFilters(rd, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(f filter) bool {
		return len(f.Name) < len(text(in.FilterNamePrefix)) || f.Name[:len(text(in.FilterNamePrefix))] != text(in.FilterNamePrefix)
	})
	list, next, err := page(list, in.NextToken, number(in.Limit, 50), false, func(f filter) string { return f.Name })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSubscriptionFiltersOutput{SubscriptionFilters: []api.SubscriptionFilter{}, NextToken: next}
	for _, f := range list {
		s := api.SubscriptionFilter{
			FilterName: &f.Name, LogGroupName: &n.Group, FilterPattern: &f.Pattern, DestinationArn: &f.Destination, Distribution: new("ByLogStream"),
			CreationTime: &f.Created, ApplyOnTransformedLogs: new(false),
		}
		if f.Distribution != "" {
			s.Distribution = &f.Distribution
		}
		if f.Role != "" {
			s.RoleArn = &f.Role
		}
		out.SubscriptionFilters = append(out.SubscriptionFilters, s)
	}
	return out, nil
}
