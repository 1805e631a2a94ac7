package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"sundog/engine/bus"
)

const (
	queueWait        = 20 * time.Second // of one long poll
	queueConcurrency = 50               // batches at once when the mapping sets no maximum
	queuePatience    = 20 * time.Second // with throttles, before a batch is left to its visibility timeout
)

// pollQueue receives and runs batches until ctx ends.
func (p *poller) pollQueue(ctx context.Context) {
	most := queueConcurrency
	if c := p.m.Config.ScalingConfig; c != nil && c.MaximumConcurrency != nil {
		most = int(*c.MaximumConcurrency)
	}
	places := make(chan struct{}, most)
	var running sync.WaitGroup
	defer running.Wait()
	for trouble := 0; ctx.Err() == nil; {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		batch, err := p.receive(ctx)
		if len(batch) == 0 {
			<-places
			if err == nil || ctx.Err() != nil {
				trouble = 0
				continue
			}
			p.r.d.Log.Warn("polling a queue", "queue", p.src.String(), "error", err)
			pause(ctx, backoff(trouble))
			trouble++
			continue
		}
		running.Go(func() {
			defer func() { <-places }()
			p.runBatch(ctx, batch)
		})
	}
}

// receive collects a batch: what one long poll gives, or, with a batching window, what comes until the window closes or the batch is full.
func (p *poller) receive(ctx context.Context) ([]bus.Message, error) {
	src, err := p.r.d.Bus.Source(p.src)
	if err != nil {
		return nil, err
	}
	pl, err := p.r.plan(ctx, p.m.function())
	if err != nil {
		return nil, err
	}
	as, size := asRole(pl), int(val(p.m.Config.BatchSize, 10))
	batch, err := src.Receive(ctx, p.src, as, min(size, 10), queueWait)
	window := time.Duration(val(p.m.Config.MaximumBatchingWindowInSeconds, 0)) * time.Second
	if err != nil || len(batch) == 0 || window == 0 {
		return batch, err
	}
	until := p.r.d.Clock.Wall().Add(window)
	for len(batch) < size && ctx.Err() == nil {
		left := until.Sub(p.r.d.Clock.Wall())
		if left <= 0 {
			break
		}
		more, err := src.Receive(ctx, p.src, as, min(size-len(batch), 10), min(left, queueWait))
		batch = append(batch, more...)
		if err != nil {
			break // the batch that is here runs all the same
		}
	}
	return batch, nil
}

// runBatch runs the function with a batch and deletes what it has dealt with. What failed comes back after its visibility timeout.
func (p *poller) runBatch(ctx context.Context, batch []bus.Message) {
	defer p.r.d.Clock.Busy("event source mapping " + p.m.id())()
	src, err := p.r.d.Bus.Source(p.src)
	if err != nil {
		return
	}
	var done []string
	var records []json.RawMessage
	var taken []bus.Message
	for _, m := range batch {
		if p.matches(filterable(p.record(m), m.Body)) {
			raw, err := json.Marshal(p.record(m))
			if err != nil {
				continue
			}
			records, taken = append(records, raw), append(taken, m)
		} else {
			done = append(done, m.Receipt) // what no filter lets through is deleted, as on Lambda
		}
	}
	if len(records) > 0 {
		done = append(done, p.settled(ctx, records, taken)...)
	}
	for group := range slices.Chunk(done, 10) {
		for _, err := range src.Ack(context.WithoutCancel(ctx), p.src, group) {
			if err != nil {
				p.r.d.Log.Warn("a message could not be deleted after its run", "queue", p.src.String(), "error", err)
			}
		}
	}
}

// settled runs the function and gives the receipts of the messages that it has dealt with.
func (p *poller) settled(ctx context.Context, records []json.RawMessage, taken []bus.Message) []string {
	res, err := p.call(ctx, records, taken[0].Trace, queuePatience)
	if err != nil {
		p.r.d.Log.Warn("a batch of messages did not run", "queue", p.src.String(), "function", p.m.function().name, "error", err)
		return nil
	}
	if res.FunctionError != "" {
		return nil
	}
	var failed []string
	if p.reports() {
		var ok bool
		if failed, ok = failures(res.Payload); !ok || !allKnown(failed, taken) {
			return nil
		}
	}
	var done []string
	for _, m := range taken {
		if !slices.Contains(failed, m.ID) {
			done = append(done, m.Receipt)
		}
	}
	return done
}

func allKnown(ids []string, taken []bus.Message) bool {
	for _, id := range ids {
		if !slices.ContainsFunc(taken, func(m bus.Message) bool { return m.ID == id }) {
			return false
		}
	}
	return true
}

// queueRecord is a message as a function sees it (Lambda Developer Guide, "Using Lambda with Amazon SQS").
type queueRecord struct {
	MessageID  string                    `json:"messageId"`
	Receipt    string                    `json:"receiptHandle"`
	Body       string                    `json:"body"`
	Attributes map[string]string         `json:"attributes"`
	Custom     map[string]queueAttribute `json:"messageAttributes"`
	MD5        string                    `json:"md5OfBody"`
	Source     string                    `json:"eventSource"`
	SourceARN  string                    `json:"eventSourceARN"`
	Region     string                    `json:"awsRegion"`
}

type queueAttribute struct {
	Text     *string  `json:"stringValue,omitempty"`
	Binary   *string  `json:"binaryValue,omitempty"`
	Texts    []string `json:"stringListValues"`
	Binaries []string `json:"binaryListValues"`
	Type     string   `json:"dataType"`
}

func (p *poller) record(m bus.Message) queueRecord {
	r := queueRecord{
		MessageID: m.ID, Receipt: m.Receipt, Body: m.Body, Attributes: m.Attributes, Custom: map[string]queueAttribute{}, MD5: m.MD5,
		Source: "aws:sqs", SourceARN: p.src.String(), Region: p.src.Region,
	}
	for name, a := range m.MessageAttributes {
		q := queueAttribute{Texts: []string{}, Binaries: []string{}, Type: a.Type}
		if strings.HasPrefix(a.Type, "Binary") {
			q.Binary = new(base64.StdEncoding.EncodeToString(a.Binary))
		} else {
			q.Text = &a.Value
		}
		r.Custom[name] = q
	}
	return r
}

// filterable is a record as filters see it: a body that is JSON is looked into.
func filterable(r queueRecord, body string) any {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil
	}
	event := decode(raw)
	m, ok := event.(map[string]any)
	if !ok {
		return nil
	}
	if inner := decode([]byte(body)); inner != nil {
		if _, ok := inner.(map[string]any); ok {
			m["body"] = inner
		}
	}
	return m
}

// decode reads JSON with its numbers as they are written; nil when it is none.
func decode(raw []byte) any {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}
