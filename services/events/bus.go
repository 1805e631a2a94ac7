package events

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
	"sundog/lang/policydoc"
	"sundog/services/room"
)

var busName = pattern.New(`^[.\-_A-Za-z0-9]{1,256}$`)

func refuse(members map[string]bool) error {
	for m, there := range members {
		if there {
			return cloud.NotImplementedf("The parameter %s is not implemented.", m)
		}
	}
	return nil
}

func (s *service) createBus(ctx context.Context, in *api.CreateEventBusInput) (*api.CreateEventBusOutput, error) {
	n := str(in.Name)
	if err := refuse(map[string]bool{"EventSourceName": in.EventSourceName != nil, "KmsKeyIdentifier": in.KmsKeyIdentifier != nil, "DeadLetterConfig": in.DeadLetterConfig != nil, "LogConfig": in.LogConfig != nil}); err != nil {
		return nil, err
	}
	if strings.Contains(n, "/") {
		return nil, errValidation("Event bus name must not contain '/'.")
	}
	if !busName.MatchString(n) {
		return nil, errValidation(`1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [/\.\-_A-Za-z0-9]+`, n)
	}
	sc := cloud.CallFrom(ctx).Scope
	now := s.d.Clock.Now()
	a := busARN(sc, n).String()
	return &api.CreateEventBusOutput{EventBusArn: &a, Description: in.Description}, s.d.Store.Update(ctx, func(tx store.Tx) error {
		there, err := load(tx, busKey(sc, n), &busRecord{})
		if err != nil {
			return err
		}
		if there || n == defaultBus {
			return errExists(n)
		}
		return save(tx, busKey(sc, n), busRecord{Name: n, Description: str(in.Description), Tags: tagsOf(in.Tags), Created: now, Modified: now})
	})
}

func (s *service) updateBus(ctx context.Context, in *api.UpdateEventBusInput) (*api.UpdateEventBusOutput, error) {
	if err := refuse(map[string]bool{"KmsKeyIdentifier": in.KmsKeyIdentifier != nil, "DeadLetterConfig": in.DeadLetterConfig != nil, "LogConfig": in.LogConfig != nil}); err != nil {
		return nil, err
	}
	sc, n := busOf(ctx, in.Name)
	a := busARN(sc, n).String()
	return &api.UpdateEventBusOutput{Arn: &a, Name: &n, Description: in.Description}, s.changeBus(ctx, sc, n, func(b *busRecord) error {
		b.Description = str(in.Description)
		return nil
	})
}

func (s *service) deleteBus(ctx context.Context, in *api.DeleteEventBusInput) (*api.DeleteEventBusOutput, error) {
	sc, n := busOf(ctx, in.Name)
	if n == defaultBus {
		return nil, errValidation("Cannot delete event bus default.")
	}
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		rule, err := any1[rule](tx, rules(sc, n))
		if err != nil {
			return err
		}
		if rule {
			return errValidation("Event bus %s can't be deleted since it has rules.", n)
		}
		return tx.Delete(busKey(sc, n))
	})
	s.policies.Forget(busARN(sc, n))
	return &api.DeleteEventBusOutput{}, err
}

// any1 tells whether there is a row under a prefix.
func any1[T any](r store.Reader, prefix []byte) (bool, error) {
	found := false
	err := each(r, prefix, func(*T) bool { found = true; return false })
	return found, err
}

func (s *service) describeBus(ctx context.Context, in *api.DescribeEventBusInput) (*api.DescribeEventBusOutput, error) {
	sc, n := busOf(ctx, in.Name)
	out := &api.DescribeEventBusOutput{}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		b, err := loadBus(r, sc, n)
		if err != nil {
			return err
		}
		a := busARN(sc, n).String()
		*out = api.DescribeEventBusOutput{Name: &b.Name, Arn: &a, Description: text(b.Description), Policy: text(b.Policy), CreationTime: moment(b.Created), LastModifiedTime: moment(b.Modified)}
		return nil
	})
}

// moment is for optional times: the default bus was never made.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const page = 100

// window gives the limit and the name after which a list goes on.
func window(limit *int32, token *string) (n int, after string, err error) {
	n = page
	if limit != nil && *limit > 0 && int(*limit) < page {
		n = int(*limit)
	}
	b, derr := base64.StdEncoding.DecodeString(str(token))
	if derr != nil {
		return 0, "", errValidation("Parameter NextToken is not valid.")
	}
	return n, string(b), nil
}

func token(after string) *string {
	t := base64.StdEncoding.EncodeToString([]byte(after))
	return &t
}

func (s *service) listBuses(ctx context.Context, in *api.ListEventBusesInput) (*api.ListEventBusesOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	limit, after, err := window(in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListEventBusesOutput{}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.ListEventBusesOutput{EventBuses: []api.EventBus{}}
		var all []*busRecord
		seen := false
		if err := each(r, table(sc, "bus"), func(b *busRecord) bool {
			if !seen && b.Name >= defaultBus {
				if seen = true; b.Name != defaultBus {
					all = append(all, &busRecord{Name: defaultBus})
				}
			}
			all = append(all, b)
			return true
		}); err != nil {
			return err
		}
		if !seen {
			all = append(all, &busRecord{Name: defaultBus})
		}
		for _, b := range all {
			if b.Name <= after || !strings.HasPrefix(b.Name, str(in.NamePrefix)) {
				continue
			}
			if n := len(out.EventBuses); n == limit {
				out.NextToken = token(*out.EventBuses[n-1].Name)
				break
			}
			a := busARN(sc, b.Name).String()
			out.EventBuses = append(out.EventBuses, api.EventBus{Name: &b.Name, Arn: &a, Description: text(b.Description), Policy: text(b.Policy), CreationTime: moment(b.Created), LastModifiedTime: moment(b.Modified)})
		}
		return nil
	})
}

// changeBus rewrites a bus's row and forgets its policy.
func (s *service) changeBus(ctx context.Context, sc cloud.Scope, n string, change func(*busRecord) error) error {
	now := s.d.Clock.Now()
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := loadBus(tx, sc, n)
		if err != nil {
			return err
		}
		if err := change(b); err != nil {
			return err
		}
		if b.Modified = now; b.Created.IsZero() { // the default bus gets its row
			b.Created = now
		}
		return save(tx, busKey(sc, n), b)
	})
	s.policies.Forget(busARN(sc, n))
	return err
}

// permission is a statement as PutPermission writes it.
type permission struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

func (s *service) putPermission(ctx context.Context, in *api.PutPermissionInput) (*api.PutPermissionOutput, error) {
	sc, n := busOf(ctx, in.EventBusName)
	return &api.PutPermissionOutput{}, s.changeBus(ctx, sc, n, func(b *busRecord) error {
		if in.Policy != nil {
			if _, err := policydoc.Parse(*in.Policy, policydoc.Resource); err != nil {
				return errValidation("Invalid policy: %s", cloud.AsError(err).Message)
			}
			b.Policy = *in.Policy
			return nil
		}
		if in.Action == nil || in.Principal == nil || in.StatementId == nil {
			return errValidation("Parameters Action, Principal and StatementId must be specified when Policy is not.")
		}
		if *in.Action != "events:PutEvents" {
			return errValidation("Provided value in parameter 'action' is not supported.")
		}
		p := permission{Sid: *in.StatementId, Effect: "Allow", Principal: "*", Action: *in.Action, Resource: busARN(sc, n).String()}
		if *in.Principal != "*" {
			p.Principal = map[string]string{"AWS": "arn:aws:iam::" + *in.Principal + ":root"}
		}
		if c := in.Condition; c != nil {
			p.Condition = map[string]map[string]string{str(c.Type): {str(c.Key): str(c.Value)}}
		}
		st, err := room.ParseStatements(b.Policy)
		if err != nil {
			return err
		}
		if st.Version == "" {
			st.Version = "2012-10-17"
		}
		if i := st.Find(p.Sid); i >= 0 {
			st.Remove(i)
		}
		if err := st.Add(p); err != nil {
			return err
		}
		b.Policy, err = st.Text()
		return err
	})
}

func (s *service) removePermission(ctx context.Context, in *api.RemovePermissionInput) (*api.RemovePermissionOutput, error) {
	sc, n := busOf(ctx, in.EventBusName)
	return &api.RemovePermissionOutput{}, s.changeBus(ctx, sc, n, func(b *busRecord) error {
		if in.RemoveAllPermissions != nil && *in.RemoveAllPermissions {
			b.Policy = ""
			return nil
		}
		st, err := room.ParseStatements(b.Policy)
		if err != nil {
			return err
		}
		i := st.Find(str(in.StatementId))
		if i < 0 {
			return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Statement with the provided id does not exist.")
		}
		st.Remove(i)
		b.Policy, err = st.Text()
		return err
	})
}

func (s *service) readPolicy(ctx context.Context, a cloud.ARN) (p *cloud.Policy, err error) {
	n, ok := strings.CutPrefix(a.Resource, "event-bus/")
	if !ok {
		return nil, nil
	}
	var b *busRecord
	err = s.d.Store.View(ctx, func(r store.Reader) (err error) {
		b, err = loadBus(r, a.Scope(), n)
		return err
	})
	if err != nil || b.Policy == "" {
		return nil, err
	}
	return policydoc.Parse(b.Policy, policydoc.Resource)
}

func (s *service) describe(ctx context.Context, a cloud.ARN) (d cloud.Description, err error) {
	err = s.d.Store.View(ctx, func(r store.Reader) error {
		if bus, n, ok := ruleOf(a); ok {
			ru, err := loadRule(r, a.Scope(), bus, n)
			if err != nil {
				return err
			}
			d = cloud.Description{Type: "AWS::Events::Rule", Name: n, Tags: ru.Tags,
				Attributes: map[string]string{"EventBusName": bus, "EventPattern": ru.Pattern, "ScheduleExpression": ru.Schedule, "State": ru.state()}}
			return nil
		}
		n := strings.TrimPrefix(a.Resource, "event-bus/")
		b, err := loadBus(r, a.Scope(), n)
		if err != nil {
			return err
		}
		d = cloud.Description{Type: "AWS::Events::EventBus", Name: n, Tags: b.Tags, Attributes: map[string]string{"Description": b.Description}}
		return nil
	})
	return d, err
}
