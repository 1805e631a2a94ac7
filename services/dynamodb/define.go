package dynamodb

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	api "sundog/api/dynamodb"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

const (
	maxLocal        = 5
	maxGlobal       = 20
	maxIncluded     = 100
	payPerRequest   = "PAY_PER_REQUEST"
	provisioned     = "PROVISIONED"
	standardClass   = "STANDARD"
	labelForm       = "2006-01-02T15:04:05.000"
	maxTags         = 50
	defaultKMSAlias = "alias/aws/dynamodb"
)

// createTable serves CreateTable. The table is active at once.
func (s *service) createTable(ctx context.Context, in *api.CreateTableInput) (*api.CreateTableOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	t, err := s.define(at, in)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx store.Tx) error {
		old, err := s.load(tx, at)
		if err != nil {
			return err
		}
		if old != nil {
			return errTableExists(at.Name)
		}
		if t.Stream != nil {
			if err := s.beginStream(tx, t); err != nil {
				return err
			}
		}
		return s.save(tx, t)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateTableOutput{TableDescription: t.creating()}, nil
}

// creating is how a new table answers. It is there by the time that anyone can ask.
func (t *table) creating() *api.TableDescription {
	d := t.describe(nil)
	status := "CREATING"
	if d.TableStatus = &status; t.Warm == nil {
		d.WarmThroughput = nil
	}
	if d.BillingModeSummary != nil {
		d.BillingModeSummary.LastUpdateToPayPerRequestDateTime = nil
	}
	for i := range d.GlobalSecondaryIndexes {
		d.GlobalSecondaryIndexes[i].IndexStatus = &status
	}
	return d
}

// define checks a CreateTable request and makes the record.
func (s *service) define(at ref, in *api.CreateTableInput) (*table, error) {
	if err := refuseCreate(in); err != nil {
		return nil, err
	}
	if in.AttributeDefinitions == nil {
		return nil, errNull("attributeDefinitions")
	}
	now := s.deps.Clock.Now().UTC().Truncate(time.Millisecond)
	t := &table{Scope: at.Scope, Name: at.Name, ID: s.deps.IDs.UUID(), Created: now, Class: standardClass, Protected: is(in.DeletionProtectionEnabled)}
	var err error
	if t.Gen, err = s.generation(); err != nil {
		return nil, err
	}
	if t.Attributes, err = definitions(in.AttributeDefinitions); err != nil {
		return nil, err
	}
	if err := t.setBilling(in.BillingMode, in.ProvisionedThroughput, true, now); err != nil {
		return nil, err
	}
	if t.Key, err = t.keySchema("keySchema", in.KeySchema); err != nil {
		return nil, err
	}
	if err := t.defineIndexes(in); err != nil {
		return nil, err
	}
	if err := t.allUsed(); err != nil {
		return nil, err
	}
	if t.Tags, err = mergeTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if err := t.setOptions(in.TableClass, in.OnDemandThroughput, in.WarmThroughput, in.SSESpecification); err != nil {
		return nil, err
	}
	if in.ResourcePolicy != nil {
		if err := checkPolicy(*in.ResourcePolicy); err != nil {
			return nil, err
		}
		t.Policy, t.Revision.Table = *in.ResourcePolicy, s.revision()
	}
	return t, s.setStream(t, in.StreamSpecification, now)
}

func (s *service) generation() (uint64, error) { return strconv.ParseUint(s.deps.IDs.Hex(8), 16, 64) }

// refuseCreate refuses by name what the room does not do.
func refuseCreate(in *api.CreateTableInput) error {
	switch {
	case in.VectorIndexes != nil:
		return cloud.NotImplementedf("dynamodb:CreateTable: VectorIndexes are not served")
	case in.GlobalTableSourceArn != nil || in.GlobalTableSettingsReplicationMode != nil:
		return cloud.NotImplementedf("dynamodb:CreateTable: global tables are not served (GlobalTableSourceArn, GlobalTableSettingsReplicationMode)")
	}
	return nil
}

func definitions(in []api.AttributeDefinition) ([]attribute, error) {
	out := make([]attribute, 0, len(in))
	for i, d := range in {
		member := "attributeDefinitions." + itoa(int32(i+1)) + ".member."
		if d.AttributeName == nil {
			return nil, errNull(member + "attributeName")
		}
		if d.AttributeType == nil {
			return nil, errNull(member + "attributeType")
		}
		if err := checkEnum(member+"attributeType", d.AttributeType, "B", "N", "S"); err != nil {
			return nil, err
		}
		a := attribute{*d.AttributeName, ddbexpr.ParseKind(*d.AttributeType)}
		for _, o := range out {
			if o.Name == a.Name && o.Kind != a.Kind {
				return nil, errInvalid("Cannot add index: AttributeDefinitions name %s has two types", a.Name)
			}
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

// setBilling checks billing mode and throughput.
func (t *table) setBilling(mode *string, p *api.ProvisionedThroughput, create bool, now time.Time) error {
	if err := checkEnum("billingMode", mode, provisioned, payPerRequest); err != nil {
		return err
	}
	was := t.Billing
	if mode != nil {
		t.Billing = *mode
	} else if create {
		t.Billing = provisioned
	}
	if t.Billing == payPerRequest {
		if p != nil && (p.ReadCapacityUnits != nil && *p.ReadCapacityUnits != 0 || p.WriteCapacityUnits != nil && *p.WriteCapacityUnits != 0) {
			return errInvalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		if was != payPerRequest {
			t.BillingChange, t.Throughput = now, throughput{}
		}
		return nil
	}
	if p == nil {
		if was == provisioned {
			return nil
		}
		return errInvalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	units, err := throughputOf("provisionedThroughput", p)
	if err == nil {
		t.Throughput = units
	}
	return err
}

func throughputOf(member string, p *api.ProvisionedThroughput) (throughput, error) {
	for _, u := range []struct {
		name string
		n    *int64
	}{{"readCapacityUnits", p.ReadCapacityUnits}, {"writeCapacityUnits", p.WriteCapacityUnits}} {
		if u.n == nil {
			return throughput{}, errNull(member + "." + u.name)
		}
		if *u.n < 1 {
			return throughput{}, errMember(strconv.FormatInt(*u.n, 10), member+"."+u.name, "Member must have value greater than or equal to 1")
		}
	}
	return throughput{*p.ReadCapacityUnits, *p.WriteCapacityUnits}, nil
}

// keySchema checks the key of the table or of an index.
func (t *table) keySchema(member string, in []api.KeySchemaElement) (k ddbexpr.KeySchema, err error) {
	if in == nil {
		return k, errNull(member)
	}
	if len(in) == 0 {
		return k, errMember("[]", member, "Member must have length greater than or equal to 1")
	}
	if len(in) > 2 {
		return k, cloud.NotImplementedf("dynamodb: keys of more than two attributes (%s) are not served", member)
	}
	names := make([]string, len(in))
	for i, e := range in {
		at := member + "." + itoa(int32(i+1)) + ".member."
		if e.AttributeName == nil {
			return k, errNull(at + "attributeName")
		}
		if e.KeyType == nil {
			return k, errNull(at + "keyType")
		}
		if err := checkEnum(at+"keyType", e.KeyType, "HASH", "RANGE"); err != nil {
			return k, err
		}
		names[i] = *e.AttributeName
	}
	if *in[0].KeyType != "HASH" {
		return k, errValidation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	}
	if len(in) == 2 && *in[1].KeyType != "RANGE" {
		return k, errValidation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	if len(in) == 2 && names[0] == names[1] {
		return k, errValidation("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	for _, n := range names {
		if t.kind(n) == ddbexpr.None {
			return k, errInvalid("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
				strings.Join(names, ", "), t.definedNames())
		}
	}
	k.Hash, k.HashKind = names[0], t.kind(names[0])
	if len(names) == 2 {
		k.Range, k.RangeKind = names[1], t.kind(names[1])
	}
	return k, nil
}

func (t *table) definedNames() string {
	names := make([]string, len(t.Attributes))
	for i, a := range t.Attributes {
		names[i] = a.Name
	}
	return strings.Join(names, ", ")
}

// allUsed checks that every defined attribute is part of some key.
func (t *table) allUsed() error {
	for _, a := range t.Attributes {
		used := t.Key.Has(a.Name)
		for _, ix := range t.Indexes {
			used = used || ix.Key.Has(a.Name)
		}
		if used {
			continue
		}
		if len(t.Indexes) == 0 {
			return errInvalid("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
		}
		return errInvalid("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]", t.definedNames(), strings.Join(t.usedNames(), ", "))
	}
	return nil
}

func (t *table) usedNames() []string {
	out := t.Key.Names()
	for _, ix := range t.Indexes {
		for _, n := range ix.Key.Names() {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// setOptions takes over what is kept and described, and has no other effect here.
func (t *table) setOptions(class *string, od *api.OnDemandThroughput, warm *api.WarmThroughput, sse *api.SSESpecification) error {
	if err := checkEnum("tableClass", class, standardClass, "STANDARD_INFREQUENT_ACCESS"); err != nil {
		return err
	}
	if class != nil {
		t.Class = *class
	}
	if od != nil {
		t.OnDemand = onDemandOf(od)
	}
	if warm != nil {
		t.Warm = warmOf(warm)
	}
	if sse == nil {
		return nil
	}
	t.Encryption = nil
	if is(sse.Enabled) {
		t.Encryption = &encryption{"KMS", str(sse.KMSMasterKeyId)}
		if t.Encryption.KMSKey == "" {
			t.Encryption.KMSKey = "arn:aws:kms:" + t.Region + ":" + t.Account + ":" + defaultKMSAlias
		}
	}
	return nil
}

func onDemandOf(od *api.OnDemandThroughput) *onDemand {
	if od == nil {
		return nil
	}
	out := &onDemand{-1, -1}
	if od.MaxReadRequestUnits != nil {
		out.Read = *od.MaxReadRequestUnits
	}
	if od.MaxWriteRequestUnits != nil {
		out.Write = *od.MaxWriteRequestUnits
	}
	return out
}

func warmOf(w *api.WarmThroughput) *throughput {
	if w == nil {
		return nil
	}
	out := &throughput{defaultWarmRead, defaultWarmWrite}
	if w.ReadUnitsPerSecond != nil {
		out.Read = *w.ReadUnitsPerSecond
	}
	if w.WriteUnitsPerSecond != nil {
		out.Write = *w.WriteUnitsPerSecond
	}
	return out
}

const (
	defaultWarmRead  = 12000
	defaultWarmWrite = 4000
)

// setStream checks a StreamSpecification and switches the stream on or off in the record; the stream's own row is written by the caller.
func (s *service) setStream(t *table, in *api.StreamSpecification, now time.Time) error {
	if in == nil {
		return nil
	}
	if in.StreamEnabled == nil {
		return errNull("streamSpecification.streamEnabled")
	}
	if !*in.StreamEnabled {
		if in.StreamViewType != nil {
			return errInvalid("StreamViewType must not be specified when StreamEnabled is false")
		}
		t.Stream = nil
		return nil
	}
	if in.StreamViewType == nil {
		return errInvalid("StreamViewType must be specified when StreamEnabled is true")
	}
	if err := checkEnum("streamSpecification.streamViewType", in.StreamViewType, "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"); err != nil {
		return err
	}
	gen, err := s.generation()
	if err != nil {
		return err
	}
	label := labelAfter(t.LastStream, now)
	t.Stream, t.LastStream = &tableStream{Label: label, View: *in.StreamViewType, Gen: gen}, label
	return nil
}

// labelAfter is the label of a stream that begins now, later than another one's: two may begin within a millisecond.
func labelAfter(last string, now time.Time) string {
	label := now.UTC().Format(labelForm)
	for label <= last {
		now = now.Add(time.Millisecond)
		label = now.UTC().Format(labelForm)
	}
	return label
}

// beginStream writes the row of a new table's stream. Streams of a table of that name that was deleted may be read yet: none of them has its label.
func (s *service) beginStream(tx store.Tx, t *table) error {
	now, past := s.deps.Clock.Now(), store.Prefix(controlKey(t.Scope, "stream").Str(t.Name))
	past.Reverse = true
	it := tx.Scan(past)
	defer func() { _ = it.Close() }()
	if it.Next() {
		var last stream
		if err := json.Unmarshal(it.Value(), &last); err != nil {
			return err
		}
		t.Stream.Label = labelAfter(last.Label, now)
		t.LastStream = t.Stream.Label
	}
	if err := it.Err(); err != nil {
		return err
	}
	return saveStream(tx, t.newStream(now))
}

// newStream gives the row of the table's current stream.
func (t *table) newStream(now time.Time) *stream {
	return &stream{Scope: t.Scope, Table: t.Name, Label: t.Stream.Label, View: t.Stream.View, Gen: t.Stream.Gen, Created: now.UTC().Truncate(time.Millisecond), Key: t.Key}
}
