package crash

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sundog/api/iam"
	"sundog/api/kinesis"
	"sundog/api/lambda"
	"sundog/api/sqs"
)

// What a mapping's function fails with is given up once, batch after batch of each shard, whenever the platform is killed and however the shards change.
func TestBatchesOfStreamsHold(t *testing.T) {
	eachMode(t, 2, func(p *platform) []load { return []load{newGivenUp(p)} })
}

// givenUp are records of a stream whose function fails with every batch: what is known of a batch comes to a queue.
type givenUp struct {
	*records
	queue string
	total int
}

func newGivenUp(p *platform) *givenUp {
	w := &givenUp{records: newRecords(p)}
	role := must[iam.CreateRoleOutput](p, iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: new("crash"),
		AssumeRolePolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`)})
	must[iam.PutRolePolicyOutput](p, iam.PutRolePolicyOp, &iam.PutRolePolicyInput{RoleName: new("crash"), PolicyName: new("reads"),
		PolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kinesis:*", "sqs:SendMessage"], "Resource": "*"}]}`)})
	w.queue = *must[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: new("lost")}).QueueUrl
	lost := must[sqs.GetQueueAttributesOutput](p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &w.queue, AttributeNames: []string{"QueueArn"}}).Attributes["QueueArn"]
	must[lambda.CreateFunctionOutput](p, lambda.CreateFunctionOp, &lambda.CreateFunctionInput{
		FunctionName: new("reader"), Runtime: new("python3.12"), Handler: new("index.handler"), Role: role.Role.Arn,
		Code: &lambda.FunctionCode{ZipFile: archive(p.t, "index.py", "def handler(event, context): raise Exception('no')")},
	})
	stream := must[kinesis.DescribeStreamSummaryOutput](p, kinesis.DescribeStreamSummaryOp, &kinesis.DescribeStreamSummaryInput{StreamName: new(crashStream)}).StreamDescriptionSummary
	must[lambda.CreateEventSourceMappingOutput](p, lambda.CreateEventSourceMappingOp, &lambda.CreateEventSourceMappingInput{
		FunctionName: new("reader"), EventSourceArn: stream.StreamARN, StartingPosition: new("TRIM_HORIZON"), MaximumRetryAttempts: new(int32(0)),
		DestinationConfig: &lambda.DestinationConfig{OnFailure: &lambda.OnFailure{Destination: &lost}},
	})
	return w
}

func (w *givenUp) String() string { return fmt.Sprintf("%d records given up", w.total) }

// batch is what the queue gets of one.
type batch struct {
	Shard string `json:"shardId"`
	Start string `json:"startSequenceNumber"`
	End   string `json:"endSequenceNumber"`
	Size  int    `json:"batchSize"`
}

// check reads what is in the stream, and the batches until all of that is among them: those of a shard must follow one another without a gap, each once.
func (w *givenUp) check() {
	w.records.check()
	in := map[string][]string{} // the sequence numbers of each shard, in order
	for _, shard := range w.shards() {
		w.read(shard, func(_, seq string) { in[shard], w.total = append(in[shard], seq), w.total+1 })
	}
	of := map[string][]batch{}
	n := 0
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline) && n < w.total; {
		out := must[sqs.ReceiveMessageOutput](w.p, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &w.queue, MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: new(int32(1))})
		for _, m := range out.Messages {
			var x struct{ KinesisBatchInfo batch }
			if err := json.Unmarshal([]byte(*m.Body), &x); err != nil {
				w.p.t.Fatal(err)
			}
			b := x.KinesisBatchInfo
			of[b.Shard], n = append(of[b.Shard], b), n+b.Size
			must[sqs.DeleteMessageOutput](w.p, sqs.DeleteMessageOp, &sqs.DeleteMessageInput{QueueUrl: &w.queue, ReceiptHandle: m.ReceiptHandle})
		}
	}
	if n != w.total {
		w.p.t.Errorf("%d records were given up of %d", n, w.total)
	}
	for shard, all := range of {
		slices.SortFunc(all, func(a, b batch) int { return strings.Compare(a.Start, b.Start) })
		left := in[shard]
		for _, b := range all {
			if b.Size < 1 || b.Size > len(left) || left[0] != b.Start || left[b.Size-1] != b.End {
				w.p.t.Errorf("a batch of %s does not follow the one before: %+v", shard, b)
				return
			}
			left = left[b.Size:]
		}
		if len(left) > 0 {
			w.p.t.Errorf("%d records of %s were not given up", len(left), shard)
		}
	}
}
