package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// record is a notification (User Guide, "Event message structure").
type record struct {
	EventVersion      string            `json:"eventVersion"`
	EventSource       string            `json:"eventSource"`
	AwsRegion         string            `json:"awsRegion"`
	EventTime         string            `json:"eventTime"`
	EventName         string            `json:"eventName"`
	UserIdentity      identity          `json:"userIdentity"`
	RequestParameters map[string]string `json:"requestParameters"`
	ResponseElements  responseElements  `json:"responseElements"`
	S3                recordBody        `json:"s3"`
}

type identity struct {
	PrincipalID string `json:"principalId"`
}

type responseElements struct {
	RequestID string `json:"x-amz-request-id"`
	HostID    string `json:"x-amz-id-2"`
}

type recordBody struct {
	SchemaVersion   string       `json:"s3SchemaVersion"`
	ConfigurationID string       `json:"configurationId"`
	Bucket          recordBucket `json:"bucket"`
	Object          recordObject `json:"object"`
}

type recordBucket struct {
	Name          string   `json:"name"`
	OwnerIdentity identity `json:"ownerIdentity"`
	ARN           string   `json:"arn"`
}

type recordObject struct {
	Key       string `json:"key"`
	Size      *int64 `json:"size,omitempty"`
	ETag      string `json:"eTag,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer,omitempty"`
}

const millis = "2006-01-02T15:04:05.000Z"

// emptyETag is the entity tag of nothing: delete markers have it in notifications.
const emptyETag = "d41d8cd98f00b204e9800998ecf8427e"

func sequencer(o *object) string { return fmt.Sprintf("%018X", o.Seq) }

// encode writes JSON without escaping what HTML would mind.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// who is the principal of a request as notifications name it.
func who(p cloud.Principal) string {
	switch {
	case p.Kind == cloud.Service:
		return p.Service
	case p.Kind == cloud.Anonymous:
		return "Anonymous"
	case p.ID != "":
		return "AWS:" + p.ID
	}
	return "AWS:" + p.Account
}

func sourceIP(c cloud.Call) string {
	if c.SourceIP == "" {
		return "127.0.0.1"
	}
	return c.SourceIP
}

// records makes a notification for a queue, topic or function.
func (r *s3Room) records(ctx context.Context, b *bucket, h happening, configuration string) ([]byte, error) {
	c := cloud.CallFrom(ctx)
	rec := record{
		EventVersion: "2.1", EventSource: "aws:s3", AwsRegion: b.Region, EventTime: r.d.Clock.Now().UTC().Format(millis), EventName: h.event,
		UserIdentity: identity{who(c.Principal)}, RequestParameters: map[string]string{"sourceIPAddress": sourceIP(c)},
		ResponseElements: responseElements{c.RequestID, c.RequestID},
		S3: recordBody{
			SchemaVersion: "1.0", ConfigurationID: configuration,
			Bucket: recordBucket{b.Name, identity{canonicalID(b.Owner)}, bucketARN(b.Name).String()},
			Object: recordObject{Key: escapeKey(h.object.Key), VersionID: h.object.Version, Sequencer: sequencer(h.object)},
		},
	}
	o := &rec.S3.Object
	group, kind, _ := strings.Cut(h.event, ":")
	switch group {
	case "ObjectCreated":
		o.Size, o.ETag = &h.object.Size, h.object.ETag
	case "ObjectTagging":
		rec.EventVersion, o.ETag, o.Sequencer = "2.3", h.object.ETag, ""
	case expiredEvents:
		rec.EventVersion = "2.3"
	}
	if kind == "DeleteMarkerCreated" {
		o.ETag = emptyETag
	}
	return encode(map[string][]record{"Records": {rec}})
}

// bridge is an event on EventBridge (User Guide, "EventBridge event message structure").
type bridge struct {
	Version    string       `json:"version"`
	ID         string       `json:"id"`
	DetailType string       `json:"detail-type"`
	Source     string       `json:"source"`
	Account    string       `json:"account"`
	Time       string       `json:"time"`
	Region     string       `json:"region"`
	Resources  []string     `json:"resources"`
	Detail     bridgeDetail `json:"detail"`
}

type bridgeDetail struct {
	Version      string            `json:"version"`
	Bucket       map[string]string `json:"bucket"`
	Object       bridgeObject      `json:"object"`
	RequestID    string            `json:"request-id"`
	Requester    string            `json:"requester"`
	SourceIP     string            `json:"source-ip-address,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	DeletionType string            `json:"deletion-type,omitempty"`
}

type bridgeObject struct {
	Key       string `json:"key"`
	Size      *int64 `json:"size,omitempty"`
	ETag      string `json:"etag,omitempty"`
	VersionID string `json:"version-id,omitempty"`
	Sequencer string `json:"sequencer,omitempty"`
}

var reasons = map[string]string{"Put": "PutObject", "Copy": "CopyObject", "CompleteMultipartUpload": "CompleteMultipartUpload"}

// bridged makes the event for EventBridge.
func (r *s3Room) bridged(ctx context.Context, b *bucket, h happening) ([]byte, error) {
	c := cloud.CallFrom(ctx)
	e := bridge{
		Version: "0", ID: r.d.IDs.UUID(), Source: "aws.s3", Account: b.Owner, Time: r.d.Clock.Now().UTC().Format(time.RFC3339), Region: b.Region,
		Resources: []string{bucketARN(b.Name).String()},
		Detail: bridgeDetail{
			Version: "0", Bucket: map[string]string{"name": b.Name}, RequestID: c.RequestID, Requester: c.Principal.Account, SourceIP: c.SourceIP,
			Object: bridgeObject{Key: h.object.Key, VersionID: h.object.Version, Sequencer: sequencer(h.object)},
		},
	}
	d := &e.Detail
	switch group, kind, _ := strings.Cut(h.event, ":"); group {
	case "ObjectCreated":
		e.DetailType, d.Reason = "Object Created", reasons[kind]
		d.Object.Size, d.Object.ETag = &h.object.Size, h.object.ETag
	case "ObjectTagging":
		e.DetailType, d.Object.ETag, d.Object.Sequencer = "Object Tags Added", h.object.ETag, ""
		if kind == "Delete" {
			e.DetailType = "Object Tags Deleted"
		}
	default:
		e.DetailType, d.Reason, d.DeletionType = "Object Deleted", "DeleteObject", "Permanently Deleted"
		if kind == "DeleteMarkerCreated" {
			d.DeletionType = "Delete Marker Created"
		}
		if group == expiredEvents {
			d.Reason, d.Requester = "Lifecycle Expiration", "s3.amazonaws.com"
		}
	}
	return encode(e)
}

// testEvent is what queues and topics get when they become a target.
type testEvent struct {
	Service   string
	Event     string
	Time      string
	Bucket    string
	RequestID string `json:"RequestId"`
	HostID    string `json:"HostId"`
}

// sendTests tells the queues and topics of a new configuration that they are one.
func (r *s3Room) sendTests(ctx context.Context, tx store.Tx, b *bucket, rules []rule) error {
	id := cloud.CallFrom(ctx).RequestID
	payload, err := encode(testEvent{"Amazon S3", "s3:TestEvent", r.d.Clock.Now().UTC().Format(millis), b.Name, id, id})
	if err != nil {
		return err
	}
	var out []bus.Delivery
	for _, c := range rules {
		if c.service == "lambda" {
			continue
		}
		d, err := r.delivery(ctx, b, *c.target, payload)
		if err != nil {
			return err
		}
		out = append(out, d)
	}
	return r.d.Bus.Emit(tx, shardOf(b.Name), out...)
}
