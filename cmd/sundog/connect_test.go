package main

import (
	"strings"
	"testing"

	"sundog/app"
)

// Who has the wrong keys is told so, by commands that ask the platform itself and by those that call an API.
func TestWrongKeys(t *testing.T) {
	c := dial(t)
	c.Credentials.SecretAccessKey = "wrong"
	if err := c.open(ownAgent); err != nil {
		t.Fatal(err)
	}
	var s app.Status
	asked := c.admin(t.Context(), "GET", "status", nil, &s)
	_, called := c.queueTable(t.Context())
	for _, err := range []error{asked, called} {
		if err == nil {
			t.Fatal("taken")
		}
		if text := explain(err); !strings.Contains(text, "Signature") || !strings.Contains(text, "set AWS_ACCESS_KEY_ID") || strings.Contains(text, "\n\n") {
			t.Error(text)
		}
	}
}
