package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"sundog/api/sns"
	"sundog/api/sqs"
)

const (
	fanQueues    = 10
	rowFanOut    = "Publish to 10 queues, delivered"
	rowFanSigned = "Publish to 10 queues, signed"
)

// fanOut measures publishing to a topic with ten queues: as the message is (RawMessageDelivery), and in a notification, whose RSA signature alone
// takes a processor more than half a millisecond.
func (b *bench) fanOut(all []*platform) error {
	for _, row := range []string{rowFanOut, rowFanSigned} {
		for _, p := range all {
			if err := b.fanOutOf(p, row); err != nil {
				return fmt.Errorf("%s, %s: %w", row, p.mode, err)
			}
		}
	}
	return nil
}

func (b *bench) fanOutOf(p *platform, row string) error {
	name, raw := "bench-fan", true
	if row == rowFanSigned {
		name, raw = "bench-signed", false
	}
	topic, urls, err := p.subscribed(name, fanQueues, raw)
	if err != nil {
		return err
	}
	requests, err := p.requests(operation{op: sns.PublishOp, in: func(_ *platform, k string) any {
		return &sns.PublishInput{TopicArn: &topic, Message: new(k + messageText)}
	}})
	if err != nil {
		return err
	}
	start, before := time.Now(), p.cost()
	o := load(p.address, requests, connections, b.duration)
	if o.count == 0 {
		return errors.New(o.first)
	}
	if err := p.arrived(urls, o.count); err != nil {
		return err
	}
	published := o.rate
	o.rate = float64(o.count) / time.Since(start).Seconds() // until the last one was in the last queue
	b.cell(row, p, "%s; published %s /s; %s", o, thousands(published), p.cost().since(before).each(o.count))
	return nil
}

// subscribed makes a topic and queues that are subscribed to it, and may be sent to by it.
func (p *platform) subscribed(name string, queues int, raw bool) (topic string, urls []string, err error) {
	t, err := call[sns.CreateTopicOutput](p, sns.CreateTopicOp, &sns.CreateTopicInput{Name: &name})
	if err != nil {
		return "", nil, err
	}
	for i := range queues {
		url, err := p.createQueue(name + "-" + strconv.Itoa(i))
		if err != nil {
			return "", nil, err
		}
		a, err := call[sqs.GetQueueAttributesOutput](p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []string{"QueueArn"}})
		if err != nil {
			return "", nil, err
		}
		arn := a.Attributes["QueueArn"]
		policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
			"Action": "sqs:SendMessage", "Resource": %q, "Condition": {"ArnEquals": {"aws:SourceArn": %q}}}]}`, arn, *t.TopicArn)
		if _, err := call[sqs.SetQueueAttributesOutput](p, sqs.SetQueueAttributesOp, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": policy}}); err != nil {
			return "", nil, err
		}
		if _, err := call[sns.SubscribeOutput](p, sns.SubscribeOp, &sns.SubscribeInput{
			TopicArn: t.TopicArn, Protocol: new("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": strconv.FormatBool(raw)}}); err != nil {
			return "", nil, err
		}
		urls = append(urls, url)
	}
	return *t.TopicArn, urls, nil
}

// arrived waits until every queue has a number of messages.
func (p *platform) arrived(urls []string, n int) error {
	deadline := time.Now().Add(2 * time.Minute)
	for _, url := range urls {
		for {
			have, err := p.messages(url)
			if err != nil {
				return err
			}
			if have >= n {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s has %d of %d messages after two minutes", url, have, n)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// messages asks for the number of messages that a queue has to give.
func (p *platform) messages(url string) (int, error) {
	const name = "ApproximateNumberOfMessages"
	a, err := call[sqs.GetQueueAttributesOutput](p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []string{name}})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(a.Attributes[name])
}
