package dynamodb

import (
	"context"
	"time"

	api "sundog/api/dynamodb"
	"sundog/cloud"
	"sundog/engine/store"
)

// describeTable serves DescribeTable.
func (s *service) describeTable(ctx context.Context, in *api.DescribeTableInput) (*api.DescribeTableOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	var d *api.TableDescription
	err = s.view(ctx, func(r store.Reader) error {
		t, err := s.find(r, at)
		if err != nil {
			return err
		}
		stats := map[uint32][2]int64{}
		for i := -1; i < len(t.Indexes); i++ {
			n := uint32(0)
			if i >= 0 {
				n = t.Indexes[i].Number
			}
			items, size, err := t.stats(r, n)
			if err != nil {
				return err
			}
			stats[n] = [2]int64{items, size}
		}
		d = t.describe(stats)
		return nil
	})
	return &api.DescribeTableOutput{Table: d}, err
}

// listTables serves ListTables.
func (s *service) listTables(ctx context.Context, in *api.ListTablesInput) (*api.ListTablesOutput, error) {
	if err := first(checkMin("limit", in.Limit, 1), checkMax("limit", in.Limit, 100)); err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	prefix := controlKey(cloud.CallFrom(ctx).Scope, "table")
	opt := store.Prefix(prefix)
	opt.KeysOnly = true
	if in.ExclusiveStartTableName != nil {
		if err := checkName("exclusiveStartTableName", *in.ExclusiveStartTableName); err != nil {
			return nil, err
		}
		opt.Lo = append(prefix.Clone().Str(*in.ExclusiveStartTableName), 0)
	}
	out := &api.ListTablesOutput{}
	err := s.view(ctx, func(r store.Reader) error {
		out.TableNames, out.LastEvaluatedTableName = []string{}, nil
		it := r.Scan(opt)
		defer func() { _ = it.Close() }()
		for it.Next() {
			if len(out.TableNames) == limit {
				out.LastEvaluatedTableName = &out.TableNames[limit-1]
				break
			}
			name, _, err := store.CutStr(it.Key()[len(prefix):])
			if err != nil {
				return err
			}
			out.TableNames = append(out.TableNames, name)
		}
		return it.Err()
	})
	return out, err
}

// deleteTable serves DeleteTable. The table is gone at once; its rows are removed in the background. Its stream stays readable.
func (s *service) deleteTable(ctx context.Context, in *api.DeleteTableInput) (*api.DeleteTableOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	var t *table
	err = s.update(ctx, func(tx store.Tx) error {
		if t, err = s.find(tx, at); err != nil {
			return err
		}
		if t.Protected {
			return errValidation("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
		}
		if err := s.closeStream(tx, t); err != nil {
			return err
		}
		s.forgetPolicies(tx, t)
		if err := tx.Put(dropKey(t.Scope, t.Gen, 0), []byte{}); err != nil {
			return err
		}
		return tx.Delete(tableKey(t.Scope, t.Name))
	})
	if err != nil {
		return nil, err
	}
	s.jobs.purge(t.Scope, t.Gen, 0)
	deleting := "DELETING"
	d := t.describe(nil)
	d.TableStatus = &deleting
	return &api.DeleteTableOutput{TableDescription: d}, nil
}

// closeStream closes the table's stream, if it has one.
func (s *service) closeStream(tx store.Tx, t *table) error {
	if t.Stream == nil {
		return nil
	}
	st, err := loadStream(tx, t.Scope, t.Name, t.Stream.Label)
	if err != nil || st == nil {
		return err
	}
	st.Closed = s.deps.Clock.Now().UTC().Truncate(time.Millisecond)
	sweep, due := logSweep(st.Scope, st.Table, st.Label), st.Closed.Add(retention)
	tx.AfterCommit(func(store.Stamp) { s.sweeps.Arm(sweep, due) })
	return saveStream(tx, st)
}

// updateTable serves UpdateTable.
func (s *service) updateTable(ctx context.Context, in *api.UpdateTableInput) (*api.UpdateTableOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := refuseUpdate(in); err != nil {
		return nil, err
	}
	var dropped []index
	t, err := s.change(ctx, at, func(tx store.Tx, t *table) (err error) {
		dropped, err = s.alter(tx, t, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, ix := range dropped {
		s.jobs.purge(t.Scope, t.Gen, ix.Number)
	}
	if t.unfilled() {
		s.jobs.fill(at)
	}
	d := t.describe(nil)
	*d.TableStatus = "UPDATING" // as DynamoDB answers; it is done by the time that anyone can ask
	return &api.UpdateTableOutput{TableDescription: d}, nil
}

func refuseUpdate(in *api.UpdateTableInput) error {
	for name, is := range map[string]bool{"ReplicaUpdates": in.ReplicaUpdates != nil, "MultiRegionConsistency": in.MultiRegionConsistency != nil,
		"GlobalTableWitnessUpdates": in.GlobalTableWitnessUpdates != nil, "GlobalTableSettingsReplicationMode": in.GlobalTableSettingsReplicationMode != nil,
		"DisassociationProtectionEnabled": in.DisassociationProtectionEnabled != nil, "VectorIndexUpdates": in.VectorIndexUpdates != nil} {
		if is {
			return cloud.NotImplementedf("dynamodb:UpdateTable: %s is not served", name)
		}
	}
	if in.BillingMode == nil && in.ProvisionedThroughput == nil && in.GlobalSecondaryIndexUpdates == nil && in.StreamSpecification == nil && in.SSESpecification == nil &&
		in.TableClass == nil && in.DeletionProtectionEnabled == nil && in.OnDemandThroughput == nil && in.WarmThroughput == nil {
		return errValidation("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates or TableClass or DeletionProtectionEnabled or OnDemandThroughput or WarmThroughput is required")
	}
	return nil
}

// alter applies an UpdateTable to the record and gives the indexes that were dropped.
func (s *service) alter(tx store.Tx, t *table, in *api.UpdateTableInput) (dropped []index, err error) {
	now := s.deps.Clock.Now().UTC().Truncate(time.Millisecond)
	if in.AttributeDefinitions != nil {
		if err := t.redefine(in.AttributeDefinitions); err != nil {
			return nil, err
		}
	}
	if in.BillingMode != nil || in.ProvisionedThroughput != nil {
		was := t.Throughput
		if err := t.setBilling(in.BillingMode, in.ProvisionedThroughput, false, now); err != nil {
			return nil, err
		}
		if in.BillingMode == nil && t.Billing == provisioned && t.Throughput == was && in.GlobalSecondaryIndexUpdates == nil {
			return nil, errValidation("The provisioned throughput for the table will not change. The requested value equals the current value. "+
				"Current ReadCapacityUnits provisioned for the table: %d. Requested ReadCapacityUnits: %d. Current WriteCapacityUnits provisioned for the table: %d. "+
				"Requested WriteCapacityUnits: %d. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
				was.Read, t.Throughput.Read, was.Write, t.Throughput.Write)
		}
	}
	if err := t.setOptions(in.TableClass, in.OnDemandThroughput, in.WarmThroughput, in.SSESpecification); err != nil {
		return nil, err
	}
	if in.DeletionProtectionEnabled != nil {
		t.Protected = *in.DeletionProtectionEnabled
	}
	if err := s.alterStream(tx, t, in.StreamSpecification, now); err != nil {
		return nil, err
	}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		ix, err := s.alterIndex(tx, t, u)
		if err != nil {
			return nil, err
		}
		dropped = append(dropped, ix...)
	}
	return dropped, t.checkIncluded()
}

// redefine adds attribute definitions; keys in use cannot change their type.
func (t *table) redefine(in []api.AttributeDefinition) error {
	defs, err := definitions(in)
	if err != nil {
		return err
	}
	for _, d := range defs {
		switch k := t.kind(d.Name); {
		case k == 0:
			t.Attributes = append(t.Attributes, d)
		case k != d.Kind:
			return errInvalid("Attribute %s is already defined with type %s", d.Name, k)
		}
	}
	return nil
}

func (s *service) alterStream(tx store.Tx, t *table, in *api.StreamSpecification, now time.Time) error {
	if in == nil {
		return nil
	}
	if is(in.StreamEnabled) && t.Stream != nil {
		return errInUse("Table already has an enabled stream: TableName: %s", t.Name)
	}
	if in.StreamEnabled != nil && !*in.StreamEnabled && t.Stream == nil {
		return errValidation("Table already has no stream to disable: TableName: %s", t.Name)
	}
	if err := s.closeStream(tx, t); err != nil {
		return err
	}
	s.forgetPolicies(tx, t.clone()) // t's stream is about to change
	t.StreamPolicy, t.Revision.Stream = "", ""
	if err := s.setStream(t, in, now); err != nil || t.Stream == nil {
		return err
	}
	return saveStream(tx, t.newStream(now))
}

func (s *service) alterIndex(tx store.Tx, t *table, u api.GlobalSecondaryIndexUpdate) (dropped []index, err error) {
	switch {
	case u.Create != nil:
		if n := t.globals(); n >= maxGlobal {
			return nil, errInvalid("GlobalSecondaryIndex count exceeds the per-table limit of 20")
		}
		return nil, t.addGlobal("globalSecondaryIndexUpdates.1.member.create", globalIndex(*u.Create), true)
	case u.Delete != nil:
		return s.dropIndex(tx, t, str(u.Delete.IndexName))
	case u.Update != nil:
		ix := t.index(str(u.Update.IndexName))
		if ix == nil || !ix.Global {
			return nil, errNotFound()
		}
		if u.Update.ProvisionedThroughput != nil {
			if ix.Throughput, err = throughputOf("globalSecondaryIndexUpdates.1.member.update.provisionedThroughput", u.Update.ProvisionedThroughput); err != nil {
				return nil, err
			}
		}
		if u.Update.OnDemandThroughput != nil {
			ix.OnDemand = onDemandOf(u.Update.OnDemandThroughput)
		}
		if u.Update.WarmThroughput != nil {
			ix.Warm = warmOf(u.Update.WarmThroughput)
		}
		return nil, nil
	}
	return nil, errInvalid("One of GlobalSecondaryIndexUpdate Create, Update or Delete must be specified")
}

func (t *table) globals() (n int) {
	for _, ix := range t.Indexes {
		if ix.Global {
			n++
		}
	}
	return n
}

func (s *service) dropIndex(tx store.Tx, t *table, name string) ([]index, error) {
	for i, ix := range t.Indexes {
		if ix.Name != name || !ix.Global {
			continue
		}
		t.Indexes = append(t.Indexes[:i], t.Indexes[i+1:]...)
		t.forget()
		return []index{ix}, tx.Put(dropKey(t.Scope, t.Gen, ix.Number), []byte{})
	}
	return nil, errNotFound()
}

// forget drops the definitions of attributes that no key has any more.
func (t *table) forget() {
	used := t.usedNames()
	kept := t.Attributes[:0:0]
	for _, a := range t.Attributes {
		for _, n := range used {
			if n == a.Name {
				kept = append(kept, a)
				break
			}
		}
	}
	t.Attributes = kept
}
