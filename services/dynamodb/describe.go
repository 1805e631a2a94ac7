package dynamodb

import (
	api "sundog/api/dynamodb"
	"sundog/lang/ddbexpr"
)

// describe gives the table as the API shows it. stats are items and bytes by index number; nil for a table that has just changed.
func (t *table) describe(stats map[uint32][2]int64) *api.TableDescription {
	arn, status := t.arn().String(), "ACTIVE"
	own := stats[0]
	d := &api.TableDescription{TableName: &t.Name, TableArn: &arn, TableId: &t.ID, TableStatus: &status, CreationDateTime: &t.Created,
		AttributeDefinitions: []api.AttributeDefinition{}, KeySchema: keyElements(t.Key), ItemCount: &own[0], TableSizeBytes: &own[1],
		ProvisionedThroughput: describeThroughput(t.Throughput), DeletionProtectionEnabled: &t.Protected}
	for i := range t.Attributes {
		kind := t.Attributes[i].Kind.String()
		d.AttributeDefinitions = append(d.AttributeDefinitions, api.AttributeDefinition{AttributeName: &t.Attributes[i].Name, AttributeType: &kind})
	}
	if t.Billing == payPerRequest {
		d.BillingModeSummary = &api.BillingModeSummary{BillingMode: &t.Billing, LastUpdateToPayPerRequestDateTime: &t.BillingChange}
	}
	if t.Class != standardClass {
		d.TableClassSummary = &api.TableClassSummary{TableClass: &t.Class}
	}
	if t.Encryption != nil {
		enabled := "ENABLED"
		d.SSEDescription = &api.SSEDescription{Status: &enabled, SSEType: &t.Encryption.Type, KMSMasterKeyArn: &t.Encryption.KMSKey}
	}
	if t.OnDemand != nil {
		d.OnDemandThroughput = &api.OnDemandThroughput{MaxReadRequestUnits: &t.OnDemand.Read, MaxWriteRequestUnits: &t.OnDemand.Write}
	}
	warm, active := t.warm(t.Warm, t.Throughput), "ACTIVE"
	d.WarmThroughput = &api.TableWarmThroughputDescription{ReadUnitsPerSecond: &warm.Read, WriteUnitsPerSecond: &warm.Write, Status: &active}
	if t.Stream != nil {
		d.StreamSpecification = &api.StreamSpecification{StreamEnabled: &yes, StreamViewType: &t.Stream.View}
	}
	if t.LastStream != "" {
		streamARN := arn + "/stream/" + t.LastStream
		d.LatestStreamArn, d.LatestStreamLabel = &streamARN, &t.LastStream
	}
	for i := range t.Indexes {
		if t.Indexes[i].Filling {
			*d.TableStatus = "UPDATING"
		}
		t.describeIndex(d, &t.Indexes[i], arn, stats)
	}
	return d
}

func (t *table) describeIndex(d *api.TableDescription, ix *index, arn string, stats map[uint32][2]int64) {
	own, ixARN := stats[ix.Number], arn+"/index/"+ix.Name
	projection := &api.Projection{ProjectionType: &ix.Projection, NonKeyAttributes: ix.Include}
	if !ix.Global {
		d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, api.LocalSecondaryIndexDescription{IndexName: &ix.Name, KeySchema: keyElements(ix.Key),
			Projection: projection, IndexArn: &ixARN, ItemCount: &own[0], IndexSizeBytes: &own[1]})
		return
	}
	status := "ACTIVE"
	g := api.GlobalSecondaryIndexDescription{IndexName: &ix.Name, KeySchema: keyElements(ix.Key), Projection: projection, IndexStatus: &status,
		IndexArn: &ixARN, ItemCount: &own[0], IndexSizeBytes: &own[1], ProvisionedThroughput: describeThroughput(ix.Throughput)}
	if ix.Filling {
		status, g.Backfilling = "CREATING", &yes
	}
	if ix.OnDemand != nil {
		g.OnDemandThroughput = &api.OnDemandThroughput{MaxReadRequestUnits: &ix.OnDemand.Read, MaxWriteRequestUnits: &ix.OnDemand.Write}
	}
	warm := t.warm(ix.Warm, ix.Throughput)
	g.WarmThroughput = &api.GlobalSecondaryIndexWarmThroughputDescription{ReadUnitsPerSecond: &warm.Read, WriteUnitsPerSecond: &warm.Write, Status: &status}
	d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, g)
}

// warm is the warm throughput of a table or an index: what was asked for, what is provisioned, or what DynamoDB begins with on demand (DynamoDB Developer
// Guide, "Understanding DynamoDB warm throughput").
func (t *table) warm(asked *throughput, provisioned throughput) throughput {
	switch {
	case asked != nil:
		return *asked
	case t.Billing == payPerRequest:
		return throughput{Read: 12000, Write: 4000}
	}
	return provisioned
}

func describeThroughput(p throughput) *api.ProvisionedThroughputDescription {
	none := int64(0)
	return &api.ProvisionedThroughputDescription{NumberOfDecreasesToday: &none, ReadCapacityUnits: &p.Read, WriteCapacityUnits: &p.Write}
}

func keyElements(k ddbexpr.KeySchema) []api.KeySchemaElement {
	hash, sort := "HASH", "RANGE"
	out := []api.KeySchemaElement{{AttributeName: &k.Hash, KeyType: &hash}}
	if k.Range != "" {
		out = append(out, api.KeySchemaElement{AttributeName: &k.Range, KeyType: &sort})
	}
	return out
}
