package s3

import (
	"encoding/json"
	"strconv"
	"time"

	"sundog/cloud"
)

// The properties of AWS::S3::Bucket whose form is not that of the API.

// keyFilter is CloudFormation's form of a notification's filter.
type keyFilter struct {
	S3Key struct {
		Rules []struct{ Name, Value string }
	}
}

func (f *keyFilter) input() map[string]any {
	rules := []map[string]any{}
	for _, r := range f.S3Key.Rules {
		rules = append(rules, map[string]any{"Name": r.Name, "Value": r.Value})
	}
	return map[string]any{"Key": map[string]any{"FilterRules": rules}}
}

// notificationEntry is one entry of NotificationConfiguration: it names one event and one target.
type notificationEntry struct {
	Event, Function, Queue, Topic string
	Filter                        *keyFilter
}

func (e notificationEntry) input(member string) map[string]any {
	out := map[string]any{"Events": []string{e.Event}, member: e.Function + e.Queue + e.Topic}
	if e.Filter != nil {
		out["Filter"] = e.Filter.input()
	}
	return out
}

func notificationInput(raw json.RawMessage) (map[string]any, error) {
	var p struct {
		LambdaConfigurations, QueueConfigurations, TopicConfigurations []notificationEntry
		EventBridgeConfiguration                                       *struct{ EventBridgeEnabled any }
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	c := map[string]any{}
	add := func(name, member string, list []notificationEntry) {
		if len(list) == 0 {
			return
		}
		out := []map[string]any{}
		for _, e := range list {
			out = append(out, e.input(member))
		}
		c[name] = out
	}
	add("LambdaFunctionConfigurations", "LambdaFunctionArn", p.LambdaConfigurations)
	add("QueueConfigurations", "QueueArn", p.QueueConfigurations)
	add("TopicConfigurations", "TopicArn", p.TopicConfigurations)
	if b := p.EventBridgeConfiguration; b != nil {
		if on := scalars(b.EventBridgeEnabled); on == nil || on == true {
			c["EventBridgeConfiguration"] = map[string]any{}
		}
	}
	return map[string]any{"NotificationConfiguration": c}, nil
}

// lifecycleRule is CloudFormation's form of a rule: flat, with the filter's parts beside the actions.
type lifecycleRule struct {
	ID                                string `json:"Id"`
	Status, Prefix                    string
	ExpirationDate                    any
	ExpirationInDays                  any
	ExpiredObjectDeleteMarker         any
	NoncurrentVersionExpirationInDays any
	NoncurrentVersionExpiration       *struct{ NoncurrentDays, NewerNoncurrentVersions any }
	AbortIncompleteMultipartUpload    *struct{ DaysAfterInitiation any }
	TagFilters                        []struct{ Key, Value string }
	ObjectSizeGreaterThan             any
	ObjectSizeLessThan                any
	Transition, Transitions           json.RawMessage
	NoncurrentVersionTransition       json.RawMessage
	NoncurrentVersionTransitions      json.RawMessage
}

// integer reads a number that may be a text; nil is none.
func integer(v any) any {
	switch v := v.(type) {
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
	case float64:
		return int64(v)
	}
	return v
}

// moment turns a date as templates have it into the API's form in JSON, seconds since 1970; what is no date is left for the API to refuse.
func moment(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix()
		}
	}
	return v
}

// present leaves the members that are there.
func present(m map[string]any) map[string]any {
	for k, v := range m {
		if v == nil {
			delete(m, k)
		}
	}
	return m
}

func (l lifecycleRule) input() (map[string]any, error) {
	if l.Transition != nil || l.Transitions != nil || l.NoncurrentVersionTransition != nil || l.NoncurrentVersionTransitions != nil {
		return nil, cloud.NotImplementedf("Transitions of LifecycleConfiguration.Rules of AWS::S3::Bucket are not served by this platform: it has one kind of storage.")
	}
	tags := []map[string]any{}
	for _, t := range l.TagFilters {
		tags = append(tags, map[string]any{"Key": t.Key, "Value": t.Value})
	}
	and := present(map[string]any{"Prefix": l.Prefix, "ObjectSizeGreaterThan": integer(l.ObjectSizeGreaterThan), "ObjectSizeLessThan": integer(l.ObjectSizeLessThan)})
	if len(tags) > 0 {
		and["Tags"] = tags
	}
	rule := map[string]any{"Status": l.Status, "Filter": map[string]any{"And": and}}
	if len(and) == 1 {
		rule["Filter"] = map[string]any{"Prefix": l.Prefix}
	}
	if l.ID != "" {
		rule["ID"] = l.ID
	}
	e := present(map[string]any{"Days": integer(l.ExpirationInDays), "Date": moment(l.ExpirationDate), "ExpiredObjectDeleteMarker": scalars(l.ExpiredObjectDeleteMarker)})
	if len(e) > 0 {
		rule["Expiration"] = e
	}
	if n := l.NoncurrentVersionExpiration; n != nil {
		rule["NoncurrentVersionExpiration"] = present(map[string]any{"NoncurrentDays": integer(n.NoncurrentDays), "NewerNoncurrentVersions": integer(n.NewerNoncurrentVersions)})
	} else if l.NoncurrentVersionExpirationInDays != nil {
		rule["NoncurrentVersionExpiration"] = map[string]any{"NoncurrentDays": integer(l.NoncurrentVersionExpirationInDays)}
	}
	if a := l.AbortIncompleteMultipartUpload; a != nil {
		rule["AbortIncompleteMultipartUpload"] = map[string]any{"DaysAfterInitiation": integer(a.DaysAfterInitiation)}
	}
	return rule, nil
}

func lifecycleInput(raw json.RawMessage) (map[string]any, error) {
	var p struct {
		Rules                              []lifecycleRule
		TransitionDefaultMinimumObjectSize string
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	rules := []any{}
	for _, l := range p.Rules {
		rule, err := l.input()
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	in := map[string]any{"LifecycleConfiguration": map[string]any{"Rules": rules}}
	if p.TransitionDefaultMinimumObjectSize != "" {
		in["TransitionDefaultMinimumObjectSize"] = p.TransitionDefaultMinimumObjectSize
	}
	return in, nil
}
