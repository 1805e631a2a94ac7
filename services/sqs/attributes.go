package sqs

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/lang/policydoc"
)

// record is a queue's row.
type record struct {
	Gen        string            `json:"gen"`
	Created    int64             `json:"created"`  // unix seconds
	Modified   int64             `json:"modified"` // unix seconds
	Attributes map[string]string `json:"attributes"`
	Tags       map[string]string `json:"tags,omitempty"`
	Purged     int64             `json:"purged,omitempty"` // unix ms of the last purge
	Fair       bool              `json:"fair,omitempty"`   // a standard queue that was sent messages of groups
	// GroupScope is the DeduplicationScope at creation: the service shows a later change, but does not deduplicate by it.
	GroupScope bool `json:"groupScope,omitempty"`
}

// redrive is the RedrivePolicy.
type redrive struct {
	target cloud.ARN
	max    uint32 // 0: none
}

// config is what the attributes say, parsed.
type config struct {
	delay, visibility, wait, retention int64 // seconds
	maxSize                            int
	redrive                            redrive
	fifo, contentDedup, groupScope     bool
}

// number is a numeric attribute: its bounds and default.
type number struct{ min, max, def int64 }

var numbers = map[string]number{
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, 1 << 20, 1 << 20},
	"MessageRetentionPeriod":        {60, 1_209_600, 345_600},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"VisibilityTimeout":             {0, 43_200, 30},
	"KmsDataKeyReusePeriodSeconds":  {60, 86_400, 300},
}

// The further attributes that can be set, with the values that they take; nil: checked apart.
var words = map[string][]string{
	"Policy": nil, "RedrivePolicy": nil, "RedriveAllowPolicy": nil, "KmsMasterKeyId": nil,
	"FifoQueue": {"true", "false"}, "ContentBasedDeduplication": {"true", "false"}, "SqsManagedSseEnabled": {"true", "false"},
	"DeduplicationScope": {"queue", "messageGroup"}, "FifoThroughputLimit": {"perQueue", "perMessageGroupId"},
}

// readOnly are the attributes that only the service sets.
var readOnly = []string{
	"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
	"CreatedTimestamp", "LastModifiedTimestamp", "QueueArn",
}

// normal writes true and false small, for the service takes them in any case.
func normal(attrs map[string]string) map[string]string {
	out := maps.Clone(attrs)
	for n, v := range attrs {
		if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
			out[n] = strings.ToLower(v)
		}
	}
	return out
}

// checkAttributes checks attributes to be set over those that the queue has: none when it is about to be created. fifo is its type.
func checkAttributes(attrs, have map[string]string, fifo bool) error {
	for _, n := range slices.Sorted(maps.Keys(attrs)) {
		if err := checkAttribute(n, attrs[n], fifo, have == nil); err != nil {
			return err
		}
	}
	if attrs["KmsMasterKeyId"] != "" && attrs["SqsManagedSseEnabled"] == "true" {
		return errAttributeName("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	}
	return checkThroughput(attrs, have)
}

// checkThroughput holds the limit per message group to queues that deduplicate by message group.
func checkThroughput(attrs, have map[string]string) error {
	limit := cmp.Or(attrs["FifoThroughputLimit"], have["FifoThroughputLimit"])
	scope := cmp.Or(attrs["DeduplicationScope"], have["DeduplicationScope"])
	if limit == "perMessageGroupId" && scope != "messageGroup" {
		return errAttributeValue("FifoThroughputLimit", "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	return nil
}

func checkAttribute(n, v string, fifo, creating bool) error {
	if num, ok := numbers[n]; ok {
		i, err := strconv.ParseInt(v, 10, 64)
		if err != nil || i < num.min || i > num.max {
			return errAttributeValue(n, "")
		}
		return nil
	}
	values, ok := words[n]
	if !ok {
		return errAttributeName("Unknown Attribute %s.", n)
	}
	switch {
	case !fifo && (n == "FifoQueue" || n == "ContentBasedDeduplication"):
		return errAttributeName("Unknown Attribute %s.", n)
	case !fifo && (n == "DeduplicationScope" || n == "FifoThroughputLimit"):
		return errAttributeName("You can specify the %s only when FifoQueue is set to true.", n)
	case n == "FifoQueue" && v != "true" && creating:
		return errAttributeValue(n, "")
	case n == "FifoQueue" && v != "true":
		return errAttributeValue(n, "Modifying queue type is not supported.")
	case values == nil:
		return checkDocument(n, v)
	case !slices.Contains(values, v):
		return errAttributeValue(n, "")
	}
	return nil
}

// checkDocument checks the attributes that are JSON; "" takes one away.
func checkDocument(n, v string) error {
	if v == "" {
		return nil
	}
	switch n {
	case "Policy":
		if _, err := policydoc.Parse(v, policydoc.Resource); err != nil {
			return errAttributeValue(n, "")
		}
	case "RedrivePolicy":
		_, err := parseRedrive(v)
		return err
	case "RedriveAllowPolicy":
		_, err := parseAllow(v)
		return err
	}
	return nil
}

// parseRedrive reads a RedrivePolicy; maxReceiveCount may be a number or a text, 1 to 1000.
func parseRedrive(v string) (redrive, error) {
	var doc struct {
		Target *string         `json:"deadLetterTargetArn"`
		Max    json.RawMessage `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(v), &doc); err != nil {
		return redrive{}, errValue(v, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
	}
	if doc.Max == nil || doc.Target == nil {
		missing := "maxReceiveCount"
		if doc.Target == nil {
			missing = "deadLetterTargetArn"
		}
		return redrive{}, errValue(v, "RedrivePolicy", "Redrive policy does not contain mandatory attribute: "+missing+".")
	}
	count := strings.Trim(string(doc.Max), `"`)
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > 1000 {
		return redrive{}, errValue(v, "RedrivePolicy", "Invalid value for maxReceiveCount: "+count+", valid values are from 1 to 1000 both inclusive.")
	}
	target, err := cloud.ParseARN(*doc.Target)
	if err != nil || target.Service != "sqs" {
		return redrive{}, errValue(v, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
	}
	return redrive{target: target, max: uint32(n)}, nil
}

// allow is a RedriveAllowPolicy: which queues may use this one as their dead letter queue.
type allow struct {
	Permission string   `json:"redrivePermission"` // allowAll, denyAll, byQueue
	Sources    []string `json:"sourceQueueArns"`
}

func parseAllow(v string) (allow, error) {
	var a allow
	if err := json.Unmarshal([]byte(v), &a); err != nil {
		return a, errAttributeValue("RedriveAllowPolicy", "Redrive allow policy is not a valid JSON map.")
	}
	switch {
	case a.Permission != "allowAll" && a.Permission != "denyAll" && a.Permission != "byQueue":
		return a, errAttributeValue("RedriveAllowPolicy", "Amazon SQS can't create the redrive allow policy. The value of redrivePermission must be allowAll, denyAll or byQueue.")
	case a.Permission == "byQueue" && (len(a.Sources) == 0 || len(a.Sources) > 10):
		return a, errAttributeValue("RedriveAllowPolicy", "Amazon SQS can't create the redrive allow policy. The list of sourceQueueArns must have 1 to 10 ARNs.")
	case a.Permission != "byQueue" && len(a.Sources) > 0:
		return a, errAttributeValue("RedriveAllowPolicy", "Amazon SQS can't create the redrive allow policy. sourceQueueArns can only be set when redrivePermission is byQueue.")
	}
	return a, nil
}

// permits tells whether a queue may use the one with this record as its dead letter queue.
func (r *record) permits(source cloud.ARN) bool {
	a, err := parseAllow(r.Attributes["RedriveAllowPolicy"])
	if err != nil {
		return true // none set
	}
	return a.Permission == "allowAll" || a.Permission == "byQueue" && slices.Contains(a.Sources, source.String())
}

// fifoDefaults are what the attributes of FIFO queues that are not numbers show until they are set.
var fifoDefaults = map[string]string{"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}

// settings gives all attributes that can be set, with their defaults.
func (r *record) settings() map[string]string {
	out := map[string]string{}
	for n, num := range numbers {
		if n != "KmsDataKeyReusePeriodSeconds" || r.Attributes["KmsMasterKeyId"] != "" {
			out[n] = strconv.FormatInt(num.def, 10)
		}
	}
	if r.Attributes["FifoQueue"] == "true" {
		maps.Copy(out, fifoDefaults)
	}
	maps.Copy(out, r.Attributes)
	return out
}

// sameValue tells whether two values of an attribute mean the same; documents may be written differently.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	return strings.HasPrefix(a, "{") && json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func (r *record) number(n string) int64 {
	if i, err := strconv.ParseInt(r.Attributes[n], 10, 64); err == nil {
		return i
	}
	return numbers[n].def
}

// config parses the record; the attributes were checked when they were set.
func (r *record) config() config {
	c := config{
		delay: r.number("DelaySeconds"), visibility: r.number("VisibilityTimeout"), wait: r.number("ReceiveMessageWaitTimeSeconds"),
		retention: r.number("MessageRetentionPeriod"), maxSize: int(r.number("MaximumMessageSize")),
		fifo: r.Attributes["FifoQueue"] == "true", contentDedup: r.Attributes["ContentBasedDeduplication"] == "true",
		groupScope: r.GroupScope,
	}
	if v := r.Attributes["RedrivePolicy"]; v != "" {
		c.redrive, _ = parseRedrive(v)
	}
	return c
}

// set applies checked attributes; an empty text takes an attribute away.
func (r *record) set(attrs map[string]string) {
	if r.Attributes == nil {
		r.Attributes = map[string]string{}
	}
	for n, v := range attrs {
		if v == "" {
			delete(r.Attributes, n)
		} else {
			r.Attributes[n] = v
		}
	}
	if attrs["KmsMasterKeyId"] != "" {
		r.Attributes["SqsManagedSseEnabled"] = "false"
	} else if attrs["SqsManagedSseEnabled"] == "true" {
		delete(r.Attributes, "KmsMasterKeyId")
	}
}
