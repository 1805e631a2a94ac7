package lambda

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"sundog/engine/bus"
)

// queueRecord is a message as a function sees it (Lambda Developer Guide, "Using Lambda with Amazon SQS").
type queueRecord struct {
	MessageID     string                    `json:"messageId"`
	Receipt       string                    `json:"receiptHandle"`
	Body          string                    `json:"body"`
	Attributes    map[string]string         `json:"attributes"`
	Custom        map[string]queueAttribute `json:"messageAttributes"`
	AttributesMD5 json.RawMessage           `json:"md5OfMessageAttributes,omitempty"` // null in batches that are collected for a time and have none
	MD5           string                    `json:"md5OfBody"`
	Source        string                    `json:"eventSource"`
	SourceARN     string                    `json:"eventSourceARN"`
	Region        string                    `json:"awsRegion"`
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
	switch {
	case m.AttributesMD5 != "":
		r.AttributesMD5 = json.RawMessage(`"` + m.AttributesMD5 + `"`)
	case val(p.m.Config.MaximumBatchingWindowInSeconds, 0) > 0:
		r.AttributesMD5 = json.RawMessage("null")
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
