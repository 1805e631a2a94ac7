package sns

import (
	"crypto/md5" //nolint:gosec // a field of the log, not a safeguard
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/telemetry"
)

// Delivery status logging (SNS Developer Guide, "Amazon SNS message delivery status"): what became of deliveries stands in the log groups
// sns/REGION/ACCOUNT/TOPIC and, for what failed for good, sns/REGION/ACCOUNT/TOPIC/Failure. The roles say that it is wanted; they are not assumed, as
// the platform writes its own logs.

// feedbackNames are the beginnings of the attributes, by protocol.
var feedbackNames = map[string]string{"http": "HTTP", "https": "HTTP", "lambda": "Lambda", "sqs": "SQS"}

const (
	successRole = "SuccessFeedbackRoleArn"
	successRate = "SuccessFeedbackSampleRate"
	failureRole = "FailureFeedbackRoleArn"
)

// feedbackAttribute splits the name of an attribute of delivery status logging; "" when it is none that is served.
func feedbackAttribute(n string) (kind string) {
	for _, name := range feedbackNames {
		if kind, ok := strings.CutPrefix(n, name); ok && slices.Contains([]string{successRole, successRate, failureRole}, kind) {
			return kind
		}
	}
	return ""
}

func checkFeedback(n, kind, v string) error {
	if v == "" {
		return nil
	}
	if kind == successRate {
		if rate, err := strconv.Atoi(v); err != nil || rate < 0 || rate > 100 {
			return errInvalid("%s: must be an integer between 0 and 100", n)
		}
		return nil
	}
	if a, err := cloud.ParseARN(v); err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") {
		return errInvalid("%s: Invalid role ARN", n)
	}
	return nil
}

// feedback is what is to be logged for a protocol: how many of a hundred successes, and whether failures.
type feedback struct {
	successes int
	failures  bool
}

func (r *record) feedback(protocol string) (f feedback) {
	name := feedbackNames[protocol]
	if name == "" {
		return f
	}
	f.failures = r.Attributes[name+failureRole] != ""
	if r.Attributes[name+successRole] == "" {
		return f
	}
	f.successes = 100
	if rate, err := strconv.Atoi(r.Attributes[name+successRate]); err == nil {
		f.successes = rate
	}
	return f
}

// ask asks for the report of a delivery where it is to be logged. Which successes are in the sample is a matter of the delivery's id.
func (f feedback) ask(d *bus.Delivery, s *compiled, m *message) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.ID))
	sampled := int(h.Sum32()%100) < f.successes
	if !sampled && !f.failures {
		return
	}
	sum := md5.Sum([]byte(m.bodyFor(s.Protocol))) //nolint:gosec // see above
	d.Report = map[string]string{
		"MessageId": m.id, "Time": strconv.FormatInt(m.time, 10), "MD5": hex.EncodeToString(sum[:]), "Endpoint": s.Endpoint, "Subscription": s.ID,
		"Success": strconv.FormatBool(sampled), "Failure": strconv.FormatBool(f.failures),
	}
}

// delivered is one line of the log.
type delivered struct {
	Notification struct {
		MD5       string `json:"messageMD5Sum"`
		MessageID string `json:"messageId"`
		TopicArn  string `json:"topicArn"`
		Timestamp string `json:"timestamp"`
	} `json:"notification"`
	Delivery struct {
		ID          string `json:"deliveryId"`
		Destination string `json:"destination"`
		Response    string `json:"providerResponse,omitempty"`
		Dwell       int64  `json:"dwellTimeMs"`
		Attempts    int    `json:"attempts"`
		StatusCode  int    `json:"statusCode"`
	} `json:"delivery"`
	Status string `json:"status"`
}

// report is the room's bus.Reporter.
func (r *snsRoom) report(d bus.Delivery, res bus.Result) {
	failed := res.Kind != bus.Done
	if d.Report["Success"] != "true" && !failed || d.Report["Failure"] != "true" && failed {
		return
	}
	published, err := strconv.ParseInt(d.Report["Time"], 10, 64)
	if err != nil {
		r.d.Log.Error("report of a delivery", "delivery", d.ID, "error", err)
		return
	}
	var l delivered
	l.Notification.MD5, l.Notification.MessageID, l.Notification.TopicArn = d.Report["MD5"], d.Report["MessageId"], d.Source.String()
	l.Notification.Timestamp = time.UnixMilli(published).UTC().Format("2006-01-02 15:04:05.000")
	l.Delivery.ID, l.Delivery.Destination, l.Delivery.Attempts = r.d.IDs.UUID(), d.Report["Endpoint"], res.Attempts
	l.Delivery.Dwell = max(0, res.At.UnixMilli()-published)
	l.Delivery.StatusCode = statusCode(d.Target.Service, res)
	l.Status = "SUCCESS"
	group := telemetry.LogGroup{Scope: d.Scope, Name: "sns/" + d.Scope.Region + "/" + d.Scope.Account + "/" + d.Source.Resource}
	if failed {
		l.Status, group.Name = "FAILURE", group.Name+"/Failure"
		response, err := json.Marshal(map[string]string{"ErrorCode": res.Code, "ErrorMessage": res.Reason})
		if err != nil {
			r.d.Log.Error("report of a delivery", "delivery", d.ID, "error", err)
			return
		}
		l.Delivery.Response = string(response)
	}
	line, err := encode(l)
	if err != nil {
		r.d.Log.Error("report of a delivery", "delivery", d.ID, "error", err)
		return
	}
	r.d.Telemetry.Log(group, d.Report["Subscription"], telemetry.LogEvent{Time: res.At, Ingested: res.At, Message: string(line)})
}

// statusCode is the HTTP status of the last attempt, as the endpoint or the service behind it gives it.
func statusCode(service string, res bus.Result) int {
	if code, err := strconv.Atoi(res.Code); err == nil {
		return code
	}
	switch {
	case res.Kind == bus.Done && service == "lambda":
		return 202
	case res.Kind == bus.Done:
		return 200
	case res.Code == "AccessDenied":
		return 403
	}
	return 400
}
