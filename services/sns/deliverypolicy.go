package sns

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
)

// Delivery policies of HTTP endpoints (SNS Developer Guide, "Amazon SNS message delivery retries", "Creating an HTTP/S delivery policy").

// retryPolicy is a healthyRetryPolicy; nil fields are not set. Delays are in seconds.
type retryPolicy struct {
	MinDelay   *int    `json:"minDelayTarget"`
	MaxDelay   *int    `json:"maxDelayTarget"`
	Retries    *int    `json:"numRetries"`
	MaxRetries *int    `json:"numMaxDelayRetries"`
	NoRetries  *int    `json:"numNoDelayRetries"`
	MinRetries *int    `json:"numMinDelayRetries"`
	Backoff    *string `json:"backoffFunction"`
}

type throttlePolicy struct {
	PerSecond *int `json:"maxReceivesPerSecond"`
}

type requestPolicy struct {
	ContentType *string `json:"headerContentType"`
}

// topicPolicy is a topic's DeliveryPolicy.
type topicPolicy struct {
	HTTP struct {
		Retry     *retryPolicy    `json:"defaultHealthyRetryPolicy,omitempty"`
		Sickly    *retryPolicy    `json:"defaultSicklyRetryPolicy,omitempty"`
		Disable   bool            `json:"disableSubscriptionOverrides"`
		Throttle  *throttlePolicy `json:"defaultThrottlePolicy,omitempty"`
		Request   *requestPolicy  `json:"defaultRequestPolicy,omitempty"`
		Guarantee bool            `json:"guaranteed,omitempty"`
	} `json:"http"`
}

// ownPolicy is a subscription's DeliveryPolicy.
type ownPolicy struct {
	Retry     *retryPolicy    `json:"healthyRetryPolicy"`
	Sickly    *retryPolicy    `json:"sicklyRetryPolicy"`
	Throttle  *throttlePolicy `json:"throttlePolicy"`
	Request   *requestPolicy  `json:"requestPolicy"`
	Guarantee bool            `json:"guaranteed"`
}

const defaultContentType = "text/plain; charset=UTF-8"

// contentTypes are what headerContentType may be (the same page).
var contentTypes = []string{
	"application/atom+xml", "application/graphql+json", "application/graphql-response+json", "application/json", "application/octet-stream",
	"application/soap+xml", "application/x-ndjson", "application/x-protobuf", "application/x-www-form-urlencoded", "application/xhtml+xml",
	"application/xml", "text/css", "text/csv", "text/html", "text/plain", "text/xml",
}

// withDefaults fills in what is not said.
func (p retryPolicy) withDefaults() retryPolicy {
	set := func(f **int, v int) {
		if *f == nil {
			*f = &v
		}
	}
	set(&p.MinDelay, 20)
	set(&p.MaxDelay, max(20, *p.MinDelay))
	set(&p.Retries, 3)
	set(&p.MaxRetries, 0)
	set(&p.NoRetries, 0)
	set(&p.MinRetries, 0)
	if p.Backoff == nil {
		p.Backoff = new("linear")
	}
	return p
}

const (
	maxPolicyRetries = 100
	maxPolicyTime    = 3600 * time.Second // of all retries together
)

func (p *retryPolicy) check() error {
	if p == nil {
		return nil
	}
	f := p.withDefaults()
	switch {
	case *f.MaxDelay < 1 || *f.MaxDelay > 3600:
		return errInvalid("DeliveryPolicy: maxDelayTarget must be between 1 and 3600 inclusive")
	case *f.MinDelay < 1 || *f.MinDelay > *f.MaxDelay:
		return errInvalid("DeliveryPolicy: minDelayTarget must be between 1 and the maximum delay inclusive")
	case *f.Retries < 0 || *f.Retries > maxPolicyRetries:
		return errInvalid("DeliveryPolicy: numRetries must be between 0 and 100 inclusive")
	case *f.NoRetries < 0 || *f.MinRetries < 0 || *f.MaxRetries < 0:
		return errInvalid("DeliveryPolicy: numbers of retries must be 0 or greater")
	case *f.NoRetries+*f.MinRetries+*f.MaxRetries > *f.Retries:
		return errInvalid("DeliveryPolicy: numRetries must be greater than or equal to numNoDelayRetries + numMinDelayRetries + numMaxDelayRetries")
	case !slices.Contains([]string{"linear", "arithmetic", "geometric", "exponential"}, *f.Backoff):
		return errInvalid("DeliveryPolicy: backoffFunction must be one of linear, arithmetic, geometric, exponential")
	}
	total := time.Duration(0)
	for i := range *f.Retries {
		total += f.delay(i)
	}
	if total > maxPolicyTime {
		return errInvalid("DeliveryPolicy: the total delay of all retries must not be greater than 3600 seconds")
	}
	return nil
}

// delay gives how long the retry number i (from 0) waits. The phases are: without a delay, with the least, growing by the function from the
// least to the greatest, with the greatest.
func (p retryPolicy) delay(i int) time.Duration {
	least, greatest := float64(*p.MinDelay), float64(*p.MaxDelay)
	if i < *p.NoRetries {
		return 0
	}
	i -= *p.NoRetries
	if i < *p.MinRetries {
		return seconds(least)
	}
	i -= *p.MinRetries
	growing := *p.Retries - *p.NoRetries - *p.MinRetries - *p.MaxRetries
	if i >= growing {
		return seconds(greatest)
	}
	if growing == 1 {
		return seconds(least)
	}
	return seconds(grow(*p.Backoff, least, greatest, i, growing-1))
}

// grow gives the step i of last on the way from least to greatest. The service documents the functions by their names and a sketch; these are
// the plainest that begin at least, end at greatest, and lie to each other as in the sketch.
func grow(function string, least, greatest float64, i, last int) float64 {
	x, n := float64(i), float64(last)
	switch function {
	case "arithmetic": // each step is longer than the one before by the same
		return least + (greatest-least)*x*(x+1)/(n*(n+1))
	case "geometric": // each delay is the one before times the same
		return least * math.Pow(greatest/least, x/n)
	case "exponential": // each step is twice the one before
		return least + (greatest-least)*(math.Exp2(x)-1)/(math.Exp2(n)-1)
	}
	return least + (greatest-least)*x/n
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}

func (p *throttlePolicy) check() error {
	if p != nil && p.PerSecond != nil && *p.PerSecond < 1 {
		return errInvalid("DeliveryPolicy: maxReceivesPerSecond must be 1 or greater")
	}
	return nil
}

func (p *requestPolicy) check() error {
	if p == nil || p.ContentType == nil {
		return nil
	}
	media, _, _ := bytes.Cut([]byte(*p.ContentType), []byte(";"))
	if !slices.Contains(contentTypes, string(bytes.TrimSpace(media))) || bytes.ContainsAny([]byte(*p.ContentType), "\r\n\x00") {
		return errInvalid("DeliveryPolicy: headerContentType is not supported: %s", *p.ContentType)
	}
	return nil
}

// readPolicyDocument reads a policy's JSON into v.
func readPolicyDocument(doc string, v any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(doc)))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if _, more := d.Token(); err == nil && more != io.EOF {
		err = more
	}
	if err != nil {
		return errInvalid("DeliveryPolicy: failed to parse JSON.")
	}
	return nil
}

// legacy refuses what the service's examples show, but no page of it describes.
func legacy(sickly *retryPolicy, guaranteed bool) error {
	if sickly != nil {
		return cloud.NotImplementedf("The delivery policy's sicklyRetryPolicy is not served by this platform.")
	}
	if guaranteed {
		return cloud.NotImplementedf("The delivery policy's guaranteed is not served by this platform.")
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func parseTopicPolicy(doc string) (p topicPolicy, err error) {
	if doc == "" {
		return p, nil
	}
	if err := readPolicyDocument(doc, &p); err != nil {
		return p, err
	}
	return p, firstOf(legacy(p.HTTP.Sickly, p.HTTP.Guarantee), p.HTTP.Retry.check(), p.HTTP.Throttle.check(), p.HTTP.Request.check())
}

func parseOwnPolicy(doc string) (p ownPolicy, err error) {
	if doc == "" {
		return p, nil
	}
	if err := readPolicyDocument(doc, &p); err != nil {
		return p, err
	}
	return p, firstOf(legacy(p.Sickly, p.Guarantee), p.Retry.check(), p.Throttle.check(), p.Request.check())
}

// checkOwnPolicy checks a subscription's policy. prefix is how the operation begins the message of a refusal.
func checkOwnPolicy(prefix, protocol, doc string) error {
	if !overHTTP(protocol) {
		return errInvalid("%sDeliveryPolicy: Delivery protocol [%s] does not support delivery policies.", prefix, protocol)
	}
	_, err := parseOwnPolicy(doc)
	if err != nil && prefix != "" {
		e := *cloud.AsError(err)
		e.Message = strings.Replace(e.Message, "parameter: ", "parameter: "+prefix, 1)
		return &e
	}
	return err
}

// effective gives the policy that holds for a subscription of a topic: its own where the topic lets it, then the topic's, then the default.
func (r *record) effective(s *subscription) (ownPolicy, error) {
	top, err := parseTopicPolicy(r.Attributes["DeliveryPolicy"])
	if err != nil {
		return ownPolicy{}, err
	}
	own, err := parseOwnPolicy(s.Attributes["DeliveryPolicy"])
	if err != nil {
		return ownPolicy{}, err
	}
	if top.HTTP.Disable {
		own = ownPolicy{}
	}
	out := ownPolicy{Retry: first(own.Retry, top.HTTP.Retry, &retryPolicy{}), Throttle: first(own.Throttle, top.HTTP.Throttle, &throttlePolicy{}), Request: first(own.Request, top.HTTP.Request, &requestPolicy{})}
	out.Retry = new(out.Retry.withDefaults())
	if out.Request.ContentType == nil {
		out.Request = &requestPolicy{new(defaultContentType)}
	}
	return out, nil
}

func first[T any](list ...*T) *T {
	for _, p := range list {
		if p != nil {
			return p
		}
	}
	return nil
}

// effectivePolicy gives a topic's EffectiveDeliveryPolicy: its own, with the defaults filled in.
func (r *record) effectivePolicy() (string, error) {
	p, err := parseTopicPolicy(r.Attributes["DeliveryPolicy"])
	if err != nil {
		return "", err
	}
	p.HTTP.Retry = new(first(p.HTTP.Retry, &retryPolicy{}).withDefaults())
	if p.HTTP.Request == nil || p.HTTP.Request.ContentType == nil {
		p.HTTP.Request = &requestPolicy{new(defaultContentType)}
	}
	b, err := encode(p)
	return string(b), err
}
