package cloud

import "testing"

func TestRoleSession(t *testing.T) {
	for role, want := range map[string]string{
		"arn:aws:iam::111111111111:role/fn":              "arn:aws:sts::111111111111:assumed-role/fn/s",
		"arn:aws:iam::111111111111:role/service-role/fn": "arn:aws:sts::111111111111:assumed-role/fn/s",
		"arn:aws-cn:iam::111111111111:role/a/b/fn":       "arn:aws-cn:sts::111111111111:assumed-role/fn/s",
	} {
		a := MustARN(role)
		if p := RoleSession(a, "s"); p.ARN != want || p.Kind != AssumedRole || p.Account != a.Account || p.Role != a || p.Session != "s" {
			t.Errorf("%s: %+v", role, p)
		}
	}
}
