package dynamodb

import (
	"slices"
	"strings"

	"sundog/cloud"
)

// Checks of single members, in the common wording of AWS's services.

func errMember(value, member, constraint string) *cloud.Error {
	if value != "null" {
		value = "'" + value + "'"
	}
	return errValidation("1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

func errNull(member string) *cloud.Error { return errMember("null", member, "Member must not be null") }

func checkEnum(member string, value *string, allowed ...string) error {
	if value == nil || slices.Contains(allowed, *value) {
		return nil
	}
	return errMember(*value, member, "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
}

func checkMin(member string, value *int32, least int32) error {
	if value == nil || *value >= least {
		return nil
	}
	return errMember(itoa(*value), member, "Member must have value greater than or equal to "+itoa(least))
}

func checkMax(member string, value *int32, most int32) error {
	if value == nil || *value <= most {
		return nil
	}
	return errMember(itoa(*value), member, "Member must have value less than or equal to "+itoa(most))
}

// checkName checks a table's or index's name; member is "tableName" or "indexName".
func checkName(member, name string) error {
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' {
			continue
		}
		return errMember(name, member, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	if len(name) < 3 || len(name) > 255 {
		return errValidation("%s must be at least 3 characters long and at most 255 characters long", strings.ToUpper(member[:1])+member[1:])
	}
	return nil
}

// first gives the first error that is not nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func is(p *bool) bool { return p != nil && *p }
