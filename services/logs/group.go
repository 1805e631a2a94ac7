package logs

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/store"
)

// record is what is known of a group. Groups that were only written to have none until something is set on them.
type record struct {
	Created   int64             `json:"created"` // unix milliseconds
	Retention int32             `json:"retention,omitempty"`
	Class     string            `json:"class,omitempty"`
	Key       string            `json:"key,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
}

func (r *logsRoom) createGroup(ctx context.Context, in *api.CreateLogGroupInput) (*api.CreateLogGroupOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	if in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled {
		return nil, cloud.NotImplementedf("Deletion protection of log groups is not served by this platform.")
	}
	if text(in.LogGroupClass) == "DELIVERY" {
		return nil, cloud.NotImplementedf("The log group class DELIVERY is not served by this platform.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	rec := record{Created: r.d.Clock.Now().UnixMilli(), Class: text(in.LogGroupClass), Key: text(in.KmsKeyId), Tags: in.Tags}
	return &api.CreateLogGroupOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		old, err := readRecord(tx, n)
		if err != nil {
			return err
		}
		if old != nil {
			return errExists("group")
		}
		return writeRecord(tx, n, rec)
	})
}

func readRecord(rd store.Reader, n name) (*record, error) {
	b, err := rd.Get(n.key())
	if err != nil || b == nil {
		return nil, err
	}
	rec := &record{}
	return rec, json.Unmarshal(b, rec)
}

func writeRecord(tx store.Tx, n name, rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	return tx.Put(n.key(), b)
}

// record gives what is known of a group: its row, or what follows from its lines; errNoGroup when it has neither.
func (r *logsRoom) record(ctx context.Context, n name) (rec *record, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		rec, err = readRecord(rd, n)
		return err
	})
	if err != nil || rec != nil {
		return rec, err
	}
	return r.written(ctx, n)
}

// written gives the record of a group that lines were written to.
func (r *logsRoom) written(ctx context.Context, n name) (*record, error) {
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	g, err := r.d.Telemetry.Group(ctx, n.group())
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, errNoGroup()
	}
	return &record{Created: g.Created.UnixMilli()}, nil
}

// change rewrites a group's row; a group that was only written to gets one.
func (r *logsRoom) change(ctx context.Context, n name, fn func(store.Tx, *record) error) error {
	known, err := r.record(ctx, n)
	if err != nil {
		return err
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := readRecord(tx, n)
		if err != nil {
			return err
		}
		if rec == nil {
			c := *known
			c.Tags = maps.Clone(known.Tags)
			rec = &c
		}
		if err := fn(tx, rec); err != nil {
			return err
		}
		return writeRecord(tx, n, *rec)
	})
}

func (r *logsRoom) deleteGroup(ctx context.Context, in *api.DeleteLogGroupInput) (*api.DeleteLogGroupOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	if err := r.changeFilters(ctx, n, func([]filter) ([]filter, error) { return nil, nil }); err != nil {
		return nil, err
	}
	if err := r.d.Telemetry.DeleteStream(ctx, n.group(), ""); err != nil {
		return nil, err
	}
	return &api.DeleteLogGroupOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.Delete(n.key()); err != nil {
			return err
		}
		if err := r.d.Timers.Cancel(tx, shardOf(n.Scope), sweepTimer, n.arn().String()); err != nil {
			return err
		}
		return tx.DeleteRange(n.streams(), n.streams().End())
	})
}

// known is one group of a listing.
type known struct {
	name
	record
	bytes int64
}

// groups gives all groups of the caller's scope by name: those with a row, and those with lines.
func (r *logsRoom) groups(ctx context.Context) ([]known, error) {
	sc := cloud.CallFrom(ctx).Scope
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	written, err := r.d.Telemetry.Groups(ctx, sc)
	if err != nil {
		return nil, err
	}
	all := map[string]*known{}
	for _, g := range written {
		all[g.Name] = &known{name: name{sc, g.Name}, record: record{Created: g.Created.UnixMilli()}, bytes: g.Bytes}
	}
	err = r.d.Store.View(ctx, func(rd store.Reader) error { return rows(rd, sc, all) })
	if err != nil {
		return nil, err
	}
	out := make([]known, 0, len(all))
	for _, n := range slices.Sorted(maps.Keys(all)) {
		out = append(out, *all[n])
	}
	return out, nil
}

func rows(rd store.Reader, sc cloud.Scope, all map[string]*known) error {
	prefix := scopeKey(sc, "group")
	it := rd.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	for it.Next() {
		group, _, err := store.CutStr(it.Key()[len(prefix):])
		if err != nil {
			return err
		}
		g := all[group]
		if g == nil {
			g = &known{name: name{sc, group}}
			all[group] = g
		}
		g.record = record{}
		if err := json.Unmarshal(it.Value(), &g.record); err != nil {
			return err
		}
	}
	return it.Err()
}

func (g *known) class() string {
	if g.Class == "" {
		return "STANDARD"
	}
	return g.Class
}

func (r *logsRoom) describeGroups(ctx context.Context, in *api.DescribeLogGroupsInput) (*api.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, errParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if len(in.AccountIdentifiers) > 0 || in.IncludeLinkedAccounts != nil && *in.IncludeLinkedAccounts {
		return nil, cloud.NotImplementedf("Log groups of linked accounts are not served by this platform.")
	}
	wanted := map[string]bool{}
	for _, id := range in.LogGroupIdentifiers {
		n, err := groupOf(ctx, nil, &id)
		if err != nil {
			return nil, err
		}
		wanted[n.Group] = true
	}
	all, err := r.groups(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(g known) bool {
		return !strings.HasPrefix(g.Group, text(in.LogGroupNamePrefix)) || !strings.Contains(g.Group, text(in.LogGroupNamePattern)) ||
			in.LogGroupClass != nil && g.class() != *in.LogGroupClass || len(wanted) > 0 && !wanted[g.Group]
	})
	all, next, err := page(all, in.NextToken, number(in.Limit, 50), false, func(g known) string { return g.Group })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLogGroupsOutput{LogGroups: make([]api.LogGroup, 0, len(all)), NextToken: next}
	for _, g := range all {
		out.LogGroups = append(out.LogGroups, g.shown())
	}
	return out, nil
}

func (g *known) shown() api.LogGroup {
	arn := g.arn().String()
	out := api.LogGroup{
		LogGroupName: &g.Group, CreationTime: &g.Created, MetricFilterCount: new(int32(0)), Arn: new(arn + ":*"), LogGroupArn: &arn,
		StoredBytes: &g.bytes, LogGroupClass: new(g.class()),
	}
	if g.Retention > 0 {
		out.RetentionInDays = &g.Retention
	}
	if g.Key != "" {
		out.KmsKeyId = &g.Key
	}
	return out
}

func (r *logsRoom) listGroups(ctx context.Context, in *api.ListLogGroupsInput) (*api.ListLogGroupsOutput, error) {
	if len(in.AccountIdentifiers) > 0 || in.IncludeLinkedAccounts != nil && *in.IncludeLinkedAccounts {
		return nil, cloud.NotImplementedf("Log groups of linked accounts are not served by this platform.")
	}
	if len(in.DataSources) > 0 || len(in.FieldIndexNames) > 0 {
		return nil, cloud.NotImplementedf("Finding log groups by data source or field index is not served by this platform.")
	}
	pattern, err := regexp.Compile(text(in.LogGroupNamePattern))
	if err != nil {
		return nil, errParameter("The log group name pattern is not valid.")
	}
	all, err := r.groups(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(g known) bool {
		return !pattern.MatchString(g.Group) || in.LogGroupClass != nil && g.class() != *in.LogGroupClass || !tagged(g.Tags, in.LogGroupTags)
	})
	all, next, err := page(all, in.NextToken, number(in.Limit, 50), false, func(g known) string { return g.Group })
	if err != nil {
		return nil, err
	}
	out := &api.ListLogGroupsOutput{LogGroups: make([]api.LogGroupSummary, 0, len(all)), NextToken: next}
	for _, g := range all {
		out.LogGroups = append(out.LogGroups, api.LogGroupSummary{LogGroupName: &g.Group, LogGroupArn: new(g.arn().String()), LogGroupClass: new(g.class())})
	}
	return out, nil
}

// tagged tells whether tags have one of the values (or any, when none is named) of every key.
func tagged(tags map[string]string, filters []api.TagFilter) bool {
	for _, f := range filters {
		v, ok := tags[text(f.Key)]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, v) {
			return false
		}
	}
	return true
}

// describe answers other rooms.
func (r *logsRoom) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	group, _, _ := strings.Cut(strings.TrimPrefix(a.Resource, "log-group:"), ":")
	n := name{a.Scope(), group}
	rec, err := r.record(ctx, n)
	if err != nil {
		return cloud.Description{}, err
	}
	d := cloud.Description{Type: "AWS::Logs::LogGroup", Name: group, Tags: rec.Tags, Attributes: map[string]string{
		"creationTime": time.UnixMilli(rec.Created).UTC().Format(time.RFC3339),
	}}
	return d, nil
}
