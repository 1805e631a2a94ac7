package main

import (
	"strconv"
	"strings"

	"sundog/api/dynamodb"
	"sundog/api/s3"
	"sundog/cloud/schema"
)

const (
	connections = 64
	distinct    = 2048 // requests that are signed beforehand, for as many keys
	tableName   = "bench"
	bucketName  = "bench-objects"
)

// operation is one operation that is measured.
type operation struct {
	what string
	op   *schema.Operation
	in   func(p *platform, key string) any
	body []byte // what a streamed input holds
	keys int    // how many keys; 0: distinct
}

var object = strings.Repeat("0123456789abcdef", 64)

var singles = []operation{
	{"PutItem", dynamodb.PutItemOp, putItem, nil, 0},
	{"GetItem", dynamodb.GetItemOp, getItem, nil, 0},
	{"PutObject 1 KiB", s3.PutObjectOp, func(_ *platform, k string) any {
		return &s3.PutObjectInput{Bucket: new(bucketName), Key: &k, Body: strings.NewReader(object), ContentLength: new(int64(len(object)))}
	}, []byte(object), 0},
	// Of the keys that a slow disk will have had time to write.
	{"GetObject 1 KiB", s3.GetObjectOp, func(_ *platform, k string) any { return &s3.GetObjectInput{Bucket: new(bucketName), Key: &k} }, nil, 128},
}

// operations measures single operations on items and objects.
func (b *bench) operations(all []*platform) error {
	for _, p := range all {
		if err := createTable(p); err != nil {
			return err
		}
		if _, err := call[s3.CreateBucketOutput](p, s3.CreateBucketOp, &s3.CreateBucketInput{Bucket: new(bucketName)}); err != nil {
			return err
		}
	}
	for _, o := range singles {
		if !b.wants(o.op.Service.SigningName) {
			continue
		}
		for _, p := range all {
			requests, err := p.requests(o)
			if err != nil {
				return err
			}
			b.table.put(o.what, p.mode, "%s", load(p.address, requests, connections, b.duration))
		}
	}
	return nil
}

// requests signs one request for each of the distinct keys.
func (p *platform) requests(o operation) ([][]byte, error) {
	keys := o.keys
	if keys == 0 {
		keys = distinct
	}
	out := make([][]byte, keys)
	for i := range out {
		var err error
		if out[i], err = p.request(o.op, o.in(p, "key-"+strconv.Itoa(i)), o.body); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func createTable(p *platform) error {
	_, err := call[dynamodb.CreateTableOutput](p, dynamodb.CreateTableOp, &dynamodb.CreateTableInput{
		TableName: new(tableName), BillingMode: new("PAY_PER_REQUEST"),
		AttributeDefinitions: []dynamodb.AttributeDefinition{{AttributeName: new("id"), AttributeType: new("S")}},
		KeySchema:            []dynamodb.KeySchemaElement{{AttributeName: new("id"), KeyType: new("HASH")}},
	})
	return err
}

func putItem(_ *platform, key string) any {
	return &dynamodb.PutItemInput{TableName: new(tableName), Item: map[string]dynamodb.AttributeValue{
		"id": {S: &key}, "name": {S: new("Ada Lovelace")}, "mail": {S: new("ada@example.com")}, "visits": {N: new("1815")}, "active": {BOOL: new(true)}}}
}

func getItem(_ *platform, key string) any {
	return &dynamodb.GetItemInput{TableName: new(tableName), Key: map[string]dynamodb.AttributeValue{"id": {S: &key}}}
}
