package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
)

// GlobalKeys gives the global condition keys of a call (IAM User Guide, "AWS global condition context keys"). now is the moment of
// aws:CurrentTime. A key that the call has no value for is absent. Safe for concurrent use.
func GlobalKeys(call cloud.Call, now time.Time) func(key string) ([]string, bool) {
	return func(key string) ([]string, bool) {
		name, ok := strings.CutPrefix(key, "aws:")
		if !ok {
			return nil, false
		}
		v := callKey(&call, name, now)
		if v == "" {
			v = principalKey(&call.Principal, name)
		}
		if v == "" {
			return nil, false
		}
		return []string{v}, true
	}
}

func callKey(c *cloud.Call, name string, now time.Time) string {
	switch name {
	case "sourceip":
		return c.SourceIP
	case "securetransport":
		return strconv.FormatBool(c.Secure)
	case "currenttime":
		return now.UTC().Format(time.RFC3339)
	case "epochtime":
		return strconv.FormatInt(now.Unix(), 10)
	case "requestedregion":
		return c.Scope.Region
	case "useragent":
		return c.UserAgent
	case "viaawsservice":
		return "false"
	}
	return ""
}

func principalKey(p *cloud.Principal, name string) string {
	if p.Kind == cloud.Service {
		return serviceKey(p, name)
	}
	switch name {
	case "principalisawsservice":
		return "false"
	case "principaltype":
		return principalType(p.Kind)
	}
	if p.Kind == cloud.Anonymous {
		return ""
	}
	switch name {
	case "principalarn":
		if p.Kind == cloud.AssumedRole { // the role's, not the session's
			return p.Role.String()
		}
		return p.ARN
	case "principalaccount":
		return p.Account
	case "userid":
		return p.ID
	case "username":
		if p.Kind == cloud.User {
			return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
		}
	}
	return ""
}

func serviceKey(p *cloud.Principal, name string) string {
	switch name {
	case "principalisawsservice":
		return "true"
	case "principalservicename":
		return p.Service
	case "sourcearn":
		return p.Source.String()
	case "sourceaccount":
		if p.Source.Account != "" {
			return p.Source.Account
		}
		return p.Account
	}
	return ""
}

func principalType(k cloud.PrincipalKind) string {
	switch k {
	case cloud.Root:
		return "Account"
	case cloud.User:
		return "User"
	case cloud.AssumedRole:
		return "AssumedRole"
	}
	return "Anonymous"
}

// WithKeys puts a service's own condition keys (cloud.Access.Keys, lower case) before others.
func WithKeys(own map[string][]string, others func(string) ([]string, bool)) func(string) ([]string, bool) {
	if len(own) == 0 {
		return others
	}
	return func(key string) ([]string, bool) {
		if v, ok := own[key]; ok {
			return v, true
		}
		return others(key)
	}
}

// Suggest gives the statement, as JSON, that an identity policy lacks to allow the request; for services and strangers, the one that
// the resource's policy lacks.
func Suggest(r Request) string {
	resource := r.Resource.String()
	if resource == "" {
		resource = "*"
	}
	s := struct {
		Effect    string
		Principal any `json:",omitempty"`
		Action    string
		Resource  string
		Condition any `json:",omitempty"`
	}{Effect: "Allow", Action: r.Action, Resource: resource}
	switch r.Principal.Kind {
	case cloud.Service:
		s.Principal = map[string]string{"Service": r.Principal.Service}
		if !r.Principal.Source.IsZero() {
			s.Condition = map[string]any{"ArnEquals": map[string]string{"aws:SourceArn": r.Principal.Source.String()}}
		}
	case cloud.Anonymous:
		s.Principal = "*"
	}
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b)
}
