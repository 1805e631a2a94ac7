package sdkruns

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type thing struct {
	ID    string   `dynamodbav:"id"`
	N     int      `dynamodbav:"n"`
	Words []string `dynamodbav:"words"`
}

func table(ctx context.Context, t *testing.T, c *dynamodb.Client) *string {
	t.Helper()
	n := aws.String(name())
	must[*dynamodb.CreateTableOutput](t)(c.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: n, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}))
	t.Cleanup(func() {
		must[*dynamodb.DeleteTableOutput](t)(c.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: n}))
	})
	w := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 100 * time.Millisecond })
	if err := w.Wait(ctx, &dynamodb.DescribeTableInput{TableName: n}, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestItems(t *testing.T) {
	ctx, c := context.Background(), dynamodb.NewFromConfig(right(t))
	tab := table(ctx, t, c)
	want := thing{"a", 7, []string{"x", "y"}}
	item := must[map[string]types.AttributeValue](t)(attributevalue.MarshalMap(want))
	must[*dynamodb.PutItemOutput](t)(c.PutItem(ctx, &dynamodb.PutItemInput{TableName: tab, Item: item}))
	key := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "a"}}
	out := must[*dynamodb.GetItemOutput](t)(c.GetItem(ctx, &dynamodb.GetItemInput{TableName: tab, Key: key}))
	var got thing
	if err := attributevalue.UnmarshalMap(out.Item, &got); err != nil || got.N != 7 || len(got.Words) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: tab, Item: item, ConditionExpression: aws.String("attribute_not_exists(id)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) || failed.Item["n"].(*types.AttributeValueMemberN).Value != "7" {
		t.Fatalf("got %v", err)
	}
	check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: tab, Key: key, ConditionExpression: aws.String("n = :n"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: "8"}}}}
	_, err = c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{check}})
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) || *canceled.CancellationReasons[0].Code != "ConditionalCheckFailed" {
		t.Fatalf("got %v", err)
	}
	_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(name()), Key: key})
	refused(t, err, "ResourceNotFoundException")
}

func TestScanPages(t *testing.T) {
	ctx, c := context.Background(), dynamodb.NewFromConfig(right(t))
	tab := table(ctx, t, c)
	seen := map[string]bool{}
	var writes []types.WriteRequest
	for i := range 25 {
		item := must[map[string]types.AttributeValue](t)(attributevalue.MarshalMap(thing{ID: string(rune('a' + i))}))
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	must[*dynamodb.BatchWriteItemOutput](t)(c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*tab: writes}}))
	pages := 0
	for p := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{TableName: tab, Limit: aws.Int32(10)}); p.HasMorePages(); pages++ {
		for _, item := range must[*dynamodb.ScanOutput](t)(p.NextPage(ctx)).Items {
			seen[item["id"].(*types.AttributeValueMemberS).Value] = true
		}
	}
	if len(seen) != 25 || pages < 3 {
		t.Fatalf("%d items in %d pages", len(seen), pages)
	}
}
