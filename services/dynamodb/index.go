package dynamodb

import (
	api "sundog/api/dynamodb"
)

func (t *table) defineIndexes(in *api.CreateTableInput) error {
	if in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0 {
		return errInvalid("List of LocalSecondaryIndexes is empty")
	}
	if in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0 {
		return errInvalid("List of GlobalSecondaryIndexes is empty")
	}
	if len(in.LocalSecondaryIndexes) > 0 && t.Key.Range == "" {
		return errInvalid("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	if len(in.LocalSecondaryIndexes) > maxLocal {
		return errInvalid("Number of LocalSecondaryIndexes exceeds per-table limit of 5")
	}
	if len(in.GlobalSecondaryIndexes) > maxGlobal {
		return errInvalid("GlobalSecondaryIndex count exceeds the per-table limit of 20")
	}
	for i, x := range in.LocalSecondaryIndexes {
		if err := t.addLocal("localSecondaryIndexes."+itoa(int32(i+1))+".member", x); err != nil {
			return err
		}
	}
	for i, x := range in.GlobalSecondaryIndexes {
		err := t.addGlobal("globalSecondaryIndexes."+itoa(int32(i+1))+".member", globalIndex(x), false)
		if err != nil {
			return err
		}
	}
	return t.checkIncluded()
}

func (t *table) addLocal(member string, x api.LocalSecondaryIndex) error {
	ix, err := t.newIndex(member, x.IndexName, x.KeySchema, x.Projection)
	if err != nil {
		return err
	}
	if ix.Key.Range == "" {
		return errInvalid("Index KeySchema does not have a range key for index: %s", ix.Name)
	}
	if ix.Key.Hash != t.Key.Hash {
		return errInvalid("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s",
			ix.Name, ix.Key.Hash, t.Key.Hash)
	}
	t.Indexes = append(t.Indexes, ix)
	return nil
}

// globalIndex is what CreateTable and UpdateTable say of a new global index.
type globalIndex struct {
	IndexName             *string
	KeySchema             []api.KeySchemaElement
	Projection            *api.Projection
	ProvisionedThroughput *api.ProvisionedThroughput
	OnDemandThroughput    *api.OnDemandThroughput
	WarmThroughput        *api.WarmThroughput
}

func (t *table) addGlobal(member string, x globalIndex, fill bool) error {
	ix, err := t.newIndex(member, x.IndexName, x.KeySchema, x.Projection)
	if err != nil {
		return err
	}
	ix.Global, ix.Filling = true, fill
	ix.OnDemand, ix.Warm = onDemandOf(x.OnDemandThroughput), warmOf(x.WarmThroughput)
	switch {
	case t.Billing == payPerRequest && x.ProvisionedThroughput != nil:
		return errInvalid("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", ix.Name)
	case t.Billing == provisioned && x.ProvisionedThroughput == nil:
		return errInvalid("ProvisionedThroughput must be specified for index: %s", ix.Name)
	case x.ProvisionedThroughput != nil:
		if ix.Throughput, err = throughputOf(member+".provisionedThroughput", x.ProvisionedThroughput); err != nil {
			return err
		}
	}
	t.Indexes = append(t.Indexes, ix)
	return nil
}

func (t *table) newIndex(member string, name *string, keys []api.KeySchemaElement, p *api.Projection) (ix index, err error) {
	if name == nil {
		return ix, errNull(member + ".indexName")
	}
	if err := checkName("indexName", *name); err != nil {
		return ix, err
	}
	if t.index(*name) != nil {
		return ix, errInvalid("Duplicate index name: %s", *name)
	}
	if p == nil {
		return ix, errNull(member + ".projection")
	}
	if ix.Key, err = t.keySchema(member+".keySchema", keys); err != nil {
		return ix, err
	}
	if p.ProjectionType == nil {
		return ix, errInvalid("Unknown ProjectionType: null")
	}
	if err := checkEnum(member+".projection.projectionType", p.ProjectionType, "ALL", "INCLUDE", "KEYS_ONLY"); err != nil {
		return ix, err
	}
	if *p.ProjectionType != "INCLUDE" && p.NonKeyAttributes != nil {
		return ix, errInvalid("ProjectionType is %s, but NonKeyAttributes is specified", *p.ProjectionType)
	}
	if *p.ProjectionType == "INCLUDE" && len(p.NonKeyAttributes) == 0 {
		return ix, errInvalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	}
	t.LastIndex++
	ix.Name, ix.Number, ix.Projection, ix.Include = *name, t.LastIndex, *p.ProjectionType, p.NonKeyAttributes
	return ix, nil
}

func (t *table) checkIncluded() error {
	n := 0
	for _, ix := range t.Indexes {
		n += len(ix.Include)
	}
	if n > maxIncluded {
		return errInvalid("The number of projected attributes exceeds the per-table limit of 100 on all secondary indexes")
	}
	return nil
}
