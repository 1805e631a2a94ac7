package sns

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"sundog/cloud"
	"sundog/lang/eventpattern"
)

// Subscribe and CreateTopic begin what they say of an attribute with this; the operations that set one attribute do not.
const inAttributes = "Attributes Reason: "

// prefixed puts the beginning of an operation into an InvalidParameter; other errors stay as they are.
func prefixed(prefix string, err error) error {
	if !cloud.IsCode(err, "InvalidParameter") {
		return err
	}
	e := *cloud.AsError(err)
	e.Message = strings.Replace(e.Message, "parameter: ", "parameter: "+prefix, 1)
	return &e
}

// readDocument reads an attribute's JSON into v, which names all the members that there may be.
func readDocument(attribute, doc string, v any) error {
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("more than one value")
	}
	if err == nil {
		return nil
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return errInvalid("%s: invalid JSON. Attribute %s is unknown.", attribute, strings.Trim(field, `"`))
	}
	return errInvalid("%s: failed to parse JSON.", attribute)
}

// subscriptionAttributes are the attributes that a subscription may have.
var subscriptionAttributes = []string{"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "ReplayPolicy", "SubscriptionRoleArn"}

// checkAttribute checks an attribute that is to be set; what depends on other attributes too is checked when all are set.
func (s *subscription) checkAttribute(fifo bool, n, v string) error {
	switch n {
	case "FilterPolicy":
		if len(v) > maxFilter {
			return errInvalid("FilterPolicy: Filter policy is longer than %d bytes", maxFilter)
		}
	case "FilterPolicyScope":
		if v != "MessageAttributes" && v != "MessageBody" {
			return errInvalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", v)
		}
	case "RawMessageDelivery":
		raw := strings.ToLower(v)
		if raw != "true" && raw != "false" {
			return errInvalid("RawMessageDelivery: Invalid value [%s]. Must be true or false.", v)
		}
		if raw == "true" && s.Protocol != "sqs" && !overHTTP(s.Protocol) {
			return errInvalid("RawMessageDelivery: Delivery protocol [%s] does not support raw message delivery.", s.Protocol)
		}
	case "RedrivePolicy":
		return s.checkRedrive(fifo, v)
	case "DeliveryPolicy":
		if !overHTTP(s.Protocol) {
			return errInvalid("DeliveryPolicy: Delivery protocol [%s] does not support delivery policies.", s.Protocol)
		}
		_, err := parseOwnPolicy(v)
		return err
	case "ReplayPolicy":
		_, err := parseReplay(v)
		return err
	case "SubscriptionRoleArn":
		return cloud.NotImplementedf("The subscription attribute %s is not served by this platform: it is for firehose.", n)
	default:
		return errInvalid("AttributeName")
	}
	return nil
}

const maxFilter = 256 << 10 // bytes (SNS Developer Guide, "Filter policy constraints")

// checkRedrive checks a RedrivePolicy: the queue must be of the kind of the subscription (SNS Developer Guide, "Message delivery for FIFO topics").
func (s *subscription) checkRedrive(fifo bool, v string) error {
	dead, err := deadLetter(v)
	if err != nil || dead.IsZero() {
		return err
	}
	switch orderly, letters := fifo && isFIFO(s.Endpoint), isFIFO(dead.Resource); {
	case orderly && !letters:
		return errInvalid("RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
	case !orderly && letters:
		return errInvalid("RedrivePolicy: must use a standard queue as DLQ for a standard subscription.")
	}
	return nil
}

func isFIFO(resource string) bool { return strings.HasSuffix(resource, ".fifo") }

// deadLetter reads a RedrivePolicy; zero for "".
func deadLetter(v string) (cloud.ARN, error) {
	if v == "" {
		return cloud.ARN{}, nil
	}
	var doc struct {
		Target *string `json:"deadLetterTargetArn"`
	}
	if err := readDocument("RedrivePolicy", v, &doc); err != nil {
		return cloud.ARN{}, err
	}
	if doc.Target == nil {
		return cloud.ARN{}, errInvalid("RedrivePolicy: must contain a 'deadLetterTargetArn'.")
	}
	a, err := cloud.ParseARN(*doc.Target)
	if err != nil || a.Service != "sqs" || !accountNumber.MatchString(a.Account) {
		return a, errInvalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
	}
	return a, nil
}

// filter compiles the filter policy; nil when there is none.
func (s *subscription) filter() (*eventpattern.Pattern, error) {
	doc := s.Attributes["FilterPolicy"]
	if doc == "" {
		return nil, nil
	}
	dialect := eventpattern.SNSAttributes
	if s.Attributes["FilterPolicyScope"] == "MessageBody" {
		dialect = eventpattern.SNSBody
	}
	p, err := eventpattern.Compile([]byte(doc), dialect)
	var e *eventpattern.Error
	if errors.As(err, &e) {
		if e.Scope {
			return nil, errInvalid("%s", e.Text())
		}
		return nil, errInvalid("FilterPolicy: %s", e.Text())
	}
	return p, err
}

// set applies an attribute; an empty filter takes the filter away.
func (s *subscription) set(a, v string) {
	if s.Attributes == nil {
		s.Attributes = map[string]string{}
	}
	if a == "ReplayPolicy" {
		s.Replay = nil // a new policy takes the place of what runs
	}
	switch {
	case v == "" || (a == "FilterPolicy" || a == "ReplayPolicy") && emptyObject(v):
		delete(s.Attributes, a)
		if a == "FilterPolicy" {
			delete(s.Attributes, "FilterPolicyScope")
		}
	case a == "RawMessageDelivery":
		s.Attributes[a] = strings.ToLower(v)
	default:
		s.Attributes[a] = v
	}
}

func emptyObject(doc string) bool {
	return bytes.Equal(bytes.Join(bytes.Fields([]byte(doc)), nil), []byte("{}"))
}
