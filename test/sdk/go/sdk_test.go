// Package sdkruns drives a running platform with the AWS SDK for Go. SUNDOG_ENDPOINT and the usual AWS_* variables say where it
// is and who we are; `go test` without them fails.
package sdkruns

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

func config(t *testing.T, secret string) aws.Config {
	t.Helper()
	endpoint := os.Getenv("SUNDOG_ENDPOINT")
	if endpoint == "" {
		t.Fatal("SUNDOG_ENDPOINT is not set; ./run sets it")
	}
	return aws.Config{
		BaseEndpoint: &endpoint,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), secret, ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		// As LoadDefaultConfig sets it.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}
}

func right(t *testing.T) aws.Config {
	t.Helper()
	return config(t, os.Getenv("AWS_SECRET_ACCESS_KEY"))
}

func name() string {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	return "go-" + hex.EncodeToString(b[:])
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused fails unless err is the service's error of this code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if e.ErrorCode() != code {
		t.Fatalf("got %s: %s, want %s", e.ErrorCode(), e.ErrorMessage(), code)
	}
}

func TestWrongSecret(t *testing.T) {
	ctx, cfg := context.Background(), config(t, "wrong")
	_, err := sqs.NewFromConfig(cfg).ListQueues(ctx, nil)
	refused(t, err, "InvalidSignatureException")
	_, err = dynamodb.NewFromConfig(cfg).ListTables(ctx, nil)
	refused(t, err, "InvalidSignatureException")
	_, err = s3.NewFromConfig(cfg).ListBuckets(ctx, nil)
	refused(t, err, "SignatureDoesNotMatch")
	_, err = sfn.NewFromConfig(cfg).ListStateMachines(ctx, nil)
	refused(t, err, "InvalidSignatureException")
}

func TestNotServedIsRefusedByName(t *testing.T) {
	ctx, cfg := context.Background(), right(t)
	_, err := dynamodb.NewFromConfig(cfg).ListBackups(ctx, nil)
	refused(t, err, "NotImplemented")
	_, err = cloudwatch.NewFromConfig(cfg).ListMetricStreams(ctx, nil)
	refused(t, err, "NotImplemented")
}
