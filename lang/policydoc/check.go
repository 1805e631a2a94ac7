package policydoc

import (
	"strings"

	"sundog/cloud"
)

// check looks at what the values say, once the elements are there.
func check(p *cloud.Policy, kind Kind) error {
	sids := map[string]bool{}
	for i := range p.Statements {
		s := &p.Statements[i]
		if err := checkSid(s.Sid, sids, kind); err != nil {
			return err
		}
		if len(s.Actions) == 0 {
			return Malformed("Policy statement must contain actions.")
		}
		for _, a := range s.Actions {
			if err := checkAction(a, kind); err != nil {
				return err
			}
		}
		if kind == Identity && len(s.Resources) == 0 {
			return Malformed("Policy statement must contain resources.")
		}
		for _, r := range s.Resources {
			if err := checkResource(r, kind); err != nil {
				return err
			}
		}
		if kind != Identity && len(s.Principals) == 0 {
			return Malformed("Missing required field Principal")
		}
		for _, c := range s.Conditions {
			if err := checkCondition(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSid(sid string, seen map[string]bool, kind Kind) error {
	if sid == "" {
		return nil
	}
	if seen[sid] {
		return Malformed("Statement IDs (SID) in a single policy must be unique.")
	}
	seen[sid] = true
	if kind == Resource { // services take blanks and dashes there
		return nil
	}
	for _, c := range []byte(sid) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return Malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
		}
	}
	return nil
}

func checkAction(a string, kind Kind) error {
	if a == "*" {
		return nil
	}
	vendor, name, ok := strings.Cut(a, ":")
	switch {
	case !ok || vendor == "":
		return Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	case strings.ContainsAny(vendor, " *?/"):
		return Malformed("Vendor %s is not valid", vendor)
	case name == "" || strings.ContainsAny(name, ": "):
		return Malformed("Actions/Condition can contain only one colon.")
	case kind == Trust && !strings.EqualFold(vendor, "sts"):
		return Malformed("AssumeRole policy may only specify STS AssumeRole actions.")
	}
	return nil
}

func checkResource(r string, kind Kind) error {
	if r == "*" || strings.HasPrefix(r, "${") {
		return nil
	}
	if kind == Resource && !strings.HasPrefix(r, "arn:") {
		return Malformed("Policy has invalid resource")
	}
	pieces := splitARN(r)
	// A wildcard may stand for all that follows, so an ARN may end early behind one.
	if pieces[0] != "arn" || len(pieces) < 6 && !strings.HasSuffix(r, "*") {
		return Malformed("Resource %s must be in ARN format or \"*\".", r)
	}
	if len(pieces) > 1 {
		switch partition := pieces[1]; {
		case partition == "aws" || partition == "aws-cn" || partition == "aws-us-gov" || strings.ContainsAny(partition, "*?$"):
		default:
			return Malformed("Partition \"%s\" is not valid for resource \"%s\".", partition, r)
		}
	}
	return nil
}

func checkCondition(c cloud.Condition) error {
	if c.Key == "" || !strings.Contains(c.Key, ":") {
		return Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	}
	op, _ := ParseOperator(c.Operator)
	for _, v := range c.Values {
		if !op.valid(v) {
			return Malformed("Invalid %s value %s in policy.", c.Operator, v)
		}
	}
	return nil
}
