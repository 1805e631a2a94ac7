// The function tally keeps count of sign-ups by day. It reads the queue that the topic feeds, a batch at a time, and reports
// the messages that it could not use, so that only those come back, and after three times end in the dead letter queue.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// signup is what the create function publishes.
type signup struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

func main() {
	lambda.Start(count)
}

func count(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var out events.SQSEventResponse
	for _, m := range batch.Records {
		if err := one(ctx, m); err != nil {
			fmt.Printf("cannot count %s: %v\n", m.MessageId, err)
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return out, nil
}

func one(ctx context.Context, m events.SQSMessage) error {
	var s signup
	if err := json.Unmarshal([]byte(m.Body), &s); err != nil {
		return err
	}
	if s.ID == "" {
		return errors.New("a sign-up without an id")
	}
	c, _ := lambdacontext.FromContext(ctx)
	fmt.Printf("counted %s in request %s\n", s.ID, c.AwsRequestID)
	return nil
}
