package policydoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"sundog/cloud"
)

// Kind says what a policy is attached to; it decides which elements it must and must not have.
type Kind uint8

// The kinds of policies.
const (
	Identity Kind = iota // of a user, group, role or session: no principals
	Resource             // of a queue, bucket, function, ...: with principals
	Trust                // of a role, about who may assume it: with principals, without resources
)

// MaxSize bounds a document's text in bytes. Services have lower limits of their own.
const MaxSize = 128 << 10

// Malformed makes the error of a document that is not as it should be.
func Malformed(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "MalformedPolicyDocument", format, args...)
}

const syntax = "Syntax errors in policy."

// Parse reads a document and checks it as IAM does when a policy is stored. Errors are *cloud.Error with the code
// MalformedPolicyDocument; services with another code for it take the message.
func Parse(text string, kind Kind) (*cloud.Policy, error) {
	if len(text) > MaxSize {
		return nil, Malformed("%s", syntax)
	}
	top, err := readObject([]byte(text))
	if err != nil {
		if kind == Trust {
			return nil, Malformed("This policy contains invalid Json")
		}
		return nil, Malformed("%s", syntax)
	}
	p := &cloud.Policy{Version: "2008-10-17"}
	var statements json.RawMessage
	for _, m := range top {
		switch m.key {
		case "Version":
			err = readString(m.value, &p.Version)
		case "Id":
			err = readString(m.value, &p.ID)
		case "Statement":
			statements = m.value
		default:
			err = Malformed("%s", syntax)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return nil, Malformed("The policy must contain a valid version string")
	}
	if statements == nil {
		return nil, Malformed("Missing required field Statement")
	}
	if err := readStatements(p, statements, kind); err != nil {
		return nil, err
	}
	return p, check(p, kind)
}

// MustParse is Parse for constants; it panics on a document that is not valid.
func MustParse(text string, kind Kind) *cloud.Policy {
	p, err := Parse(text, kind)
	if err != nil {
		panic(err)
	}
	return p
}

func readStatements(p *cloud.Policy, raw json.RawMessage, kind Kind) error {
	list, err := oneOrMany(raw)
	if err != nil {
		return err
	}
	if len(list) == 0 && kind != Resource {
		return Malformed("%s", syntax)
	}
	for _, one := range list {
		s, err := readStatement(one, kind)
		if err != nil {
			return err
		}
		p.Statements = append(p.Statements, s)
	}
	return nil
}

// oneOrMany gives the elements of a list, or the value itself as the only one.
func oneOrMany(raw json.RawMessage) ([]json.RawMessage, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, Malformed("%s", syntax)
	}
	return list, nil
}

func readStatement(raw json.RawMessage, kind Kind) (cloud.Statement, error) {
	members, err := readObject(raw)
	if err != nil {
		return cloud.Statement{}, Malformed("%s", syntax)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return cloud.Statement{}, Malformed("%s", syntax)
	}
	s := cloud.Statement{Source: compact.String()}
	seen := map[string]bool{}
	for _, m := range members {
		seen[m.key] = true
		if err := readElement(&s, m); err != nil {
			return s, err
		}
	}
	return s, checkElements(seen, kind)
}

func readElement(s *cloud.Statement, m member) (err error) {
	switch m.key {
	case "Sid":
		return readString(m.value, &s.Sid)
	case "Effect":
		var effect string
		if err := readString(m.value, &effect); err != nil {
			return err
		}
		if effect != "Allow" && effect != "Deny" {
			return Malformed("%s", syntax)
		}
		s.Allow = effect == "Allow"
		return nil
	case "Action", "NotAction":
		s.Actions, err = readStrings(m.value)
		s.NotAction = m.key == "NotAction"
	case "Resource", "NotResource":
		s.Resources, err = readStrings(m.value)
		s.NotResource = m.key == "NotResource"
	case "Principal", "NotPrincipal":
		s.Principals, err = readPrincipals(m.value)
		s.NotPrincipal = m.key == "NotPrincipal"
	case "Condition":
		s.Conditions, err = readConditions(m.value)
	default:
		return Malformed("%s", syntax)
	}
	return err
}

func checkElements(seen map[string]bool, kind Kind) error {
	principal := seen["Principal"] || seen["NotPrincipal"]
	resource := seen["Resource"] || seen["NotResource"]
	switch {
	case !seen["Effect"]:
		return Malformed("Missing required field Effect")
	case !seen["Action"] && !seen["NotAction"]:
		if kind == Trust {
			return Malformed("Missing required field Action")
		}
		return Malformed("Policy statement must contain actions.")
	case seen["Action"] && seen["NotAction"], seen["Resource"] && seen["NotResource"], seen["Principal"] && seen["NotPrincipal"]:
		return Malformed("%s", syntax)
	case kind == Identity && principal:
		return Malformed("Policy document should not specify a principal.")
	case kind == Identity && !resource:
		return Malformed("Policy statement must contain resources.")
	case kind != Identity && !principal:
		return Malformed("Missing required field Principal")
	case kind == Trust && resource:
		return Malformed("Has prohibited field Resource")
	}
	return nil
}

func readPrincipals(raw json.RawMessage) ([]cloud.PolicyPrincipal, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		if one != "*" {
			return nil, Malformed("Invalid principal in policy: %q", one)
		}
		return []cloud.PolicyPrincipal{{Type: "AWS", Value: "*"}}, nil
	}
	members, err := readObject(raw)
	if err != nil || len(members) == 0 {
		return nil, Malformed("%s", syntax)
	}
	var out []cloud.PolicyPrincipal
	for _, m := range members {
		switch m.key {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return nil, Malformed("Invalid principal in policy: %q", m.key)
		}
		values, err := readStrings(m.value)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if err := checkPrincipal(m.key, v); err != nil {
				return nil, err
			}
			out = append(out, cloud.PolicyPrincipal{Type: m.key, Value: v})
		}
	}
	return out, nil
}

func checkPrincipal(typ, v string) error {
	ok := v != ""
	switch typ {
	case "AWS":
		a, err := cloud.ParseARN(v)
		ok = v == "*" || isAccount(v) || isUniqueID(v) ||
			err == nil && (a.Service == "iam" || a.Service == "sts") && isAccount(a.Account) && !strings.Contains(v, "*")
	case "Service":
		ok = v == "*" || strings.Contains(v, ".") && !strings.ContainsAny(v, "/: ")
	}
	if !ok {
		return Malformed("Invalid principal in policy: %q:%q", strings.ToUpper(typ), v)
	}
	return nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isUniqueID tells whether s looks like the unique id that IAM puts in place of a deleted user's or role's ARN.
func isUniqueID(s string) bool {
	if len(s) < 16 || len(s) > 128 {
		return false
	}
	switch s[:4] {
	case "AIDA", "AROA", "AGPA", "ANPA":
		return true
	}
	return false
}

func readConditions(raw json.RawMessage) ([]cloud.Condition, error) {
	operators, err := readObject(raw)
	if err != nil {
		return nil, Malformed("%s", syntax)
	}
	var out []cloud.Condition
	for _, op := range operators {
		if _, ok := ParseOperator(op.key); !ok {
			return nil, Malformed("Invalid Condition type : %s.", op.key)
		}
		keys, err := readObject(op.value)
		if err != nil {
			return nil, Malformed("%s", syntax)
		}
		for _, k := range keys {
			values, err := readStrings(k.value)
			if err != nil {
				return nil, err
			}
			out = append(out, cloud.Condition{Operator: op.key, Key: k.key, Values: values})
		}
	}
	return out, nil
}

// readStrings reads one or many texts; numbers and booleans count as their text.
func readStrings(raw json.RawMessage) ([]string, error) {
	list, err := oneOrMany(raw)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(list))
	for _, one := range list {
		var s string
		switch {
		case len(one) > 0 && one[0] == '"':
			if err := readString(one, &s); err != nil {
				return nil, err
			}
		case len(one) == 0 || one[0] == '{' || one[0] == '[' || one[0] == 'n':
			return nil, Malformed("%s", syntax)
		default:
			s = string(one)
		}
		out = append(out, s)
	}
	return out, nil
}

func readString(raw json.RawMessage, into *string) error {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, into) != nil {
		return Malformed("%s", syntax)
	}
	return nil
}

var errNotObject = errors.New("not an object")

type member struct {
	key   string
	value json.RawMessage
}

// readObject reads an object's members in order; a name that stands twice is an error, as encoding/json would not tell.
func readObject(raw []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	var out []member
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		if seen[key] {
			return nil, fmt.Errorf("%q stands twice", key)
		}
		seen[key] = true
		m := member{key: key}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("text after the end")
	}
	return out, nil
}
