package sns

import (
	"bytes"
	"cmp"
	"math"
	"slices"
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

// field is a number of a retry policy with its bounds.
type field struct {
	name        string
	value       **int
	least, most int
	required    bool
}

func (p *retryPolicy) fields() []field {
	return []field{
		{"minDelayTarget", &p.MinDelay, 1, 3600, true}, {"maxDelayTarget", &p.MaxDelay, 1, 3600, true}, {"numRetries", &p.Retries, 0, 100, true},
		{"numNoDelayRetries", &p.NoRetries, 0, 100, false}, {"numMinDelayRetries", &p.MinRetries, 0, 100, false}, {"numMaxDelayRetries", &p.MaxRetries, 0, 100, false},
	}
}

const maxPolicyTime = 3600 * time.Second // of all retries together

// check judges a retry policy; path is where it stands in the document.
func (p *retryPolicy) check(path string) error {
	if p == nil {
		return nil
	}
	invalid := func(field, format string, args ...any) error {
		return errInvalid("DeliveryPolicy: "+path+"."+field+" "+format, args...)
	}
	for _, f := range p.fields() {
		switch {
		case *f.value == nil && f.required:
			return invalid(f.name, "must be specified")
		case *f.value != nil && **f.value < f.least:
			return invalid(f.name, "must be greater than or equal to %d", f.least)
		case *f.value != nil && **f.value > f.most:
			return invalid(f.name, "must be less than or equal to %d", f.most)
		}
	}
	f := p.withDefaults()
	switch {
	case *f.MinDelay > *f.MaxDelay:
		return invalid("maxDelayTarget", "must be greater than or equal to %s.minDelayTarget", path)
	case *f.NoRetries+*f.MinRetries+*f.MaxRetries > *f.Retries:
		return invalid("numRetries", "must be greater than or equal to the sum of numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries")
	case !slices.Contains([]string{"linear", "arithmetic", "geometric", "exponential"}, *f.Backoff):
		return invalid("backoffFunction", "must be one of linear, arithmetic, geometric, exponential")
	}
	total := time.Duration(0)
	for i := range *f.Retries {
		total += f.delay(i)
	}
	if total > maxPolicyTime {
		return errInvalid("DeliveryPolicy: the total delay of all retries must be less than or equal to 3600 seconds")
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

func (p *throttlePolicy) check(path string) error {
	if p != nil && p.PerSecond != nil && *p.PerSecond < 1 {
		return errInvalid("DeliveryPolicy: %s.maxReceivesPerSecond must be greater than or equal to 1", path)
	}
	return nil
}

func (p *requestPolicy) check(path string) error {
	if p == nil || p.ContentType == nil {
		return nil
	}
	media, _, _ := bytes.Cut([]byte(*p.ContentType), []byte(";"))
	if !slices.Contains(contentTypes, string(bytes.TrimSpace(media))) || bytes.ContainsAny([]byte(*p.ContentType), "\r\n\x00") {
		return errInvalid("DeliveryPolicy: %s.headerContentType is not supported: %s", path, *p.ContentType)
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

func parseTopicPolicy(doc string) (p topicPolicy, err error) {
	if doc == "" {
		return p, nil
	}
	if err := readDocument("DeliveryPolicy", doc, &p); err != nil {
		return p, err
	}
	return p, cmp.Or(legacy(p.HTTP.Sickly, p.HTTP.Guarantee),
		p.HTTP.Retry.check("http.defaultHealthyRetryPolicy"), p.HTTP.Throttle.check("http.defaultThrottlePolicy"), p.HTTP.Request.check("http.defaultRequestPolicy"))
}

func parseOwnPolicy(doc string) (p ownPolicy, err error) {
	if doc == "" {
		return p, nil
	}
	if err := readDocument("DeliveryPolicy", doc, &p); err != nil {
		return p, err
	}
	return p, cmp.Or(legacy(p.Sickly, p.Guarantee), p.Retry.check("healthyRetryPolicy"), p.Throttle.check("throttlePolicy"), p.Request.check("requestPolicy"))
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
