package main

import (
	"strings"
	"testing"
)

func TestPageHasEveryServiceOnce(t *testing.T) {
	rooms, err := load()
	if err != nil {
		t.Fatal(err)
	}
	c, err := survey(rooms)
	if err != nil {
		t.Fatal(err)
	}
	page := string(c.page())
	for _, s := range c.services {
		if n := strings.Count(page, "\n### "+s.schema.FullName+" ("+s.schema.ServiceID+","); n != 1 {
			t.Errorf("%s has %d headings", s.schema.ID, n)
		}
		if len(s.served) == 0 || len(s.served) > s.total() {
			t.Errorf("%s serves %d of %d", s.schema.ID, len(s.served), s.total())
		}
	}
	listed, ofAWS := 0, 0
	for _, s := range c.services {
		listed += len(c.typesOf(s))
	}
	for _, r := range c.types {
		if strings.HasPrefix(r.Type, "AWS::") { // the platform's own belong to no API
			ofAWS++
		}
	}
	if listed != ofAWS {
		t.Errorf("the summary lists %d of %d resource types: namespaces lacks one", listed, ofAWS)
	}
}

func TestBetween(t *testing.T) {
	got, err := between([]byte("a\n"+begin+"old\n"+end+"z\n"), "new\n")
	if want := "a\n" + begin + "new\n" + end + "z\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := between([]byte("no marks"), "new"); err == nil {
		t.Error("no error for a file without marks")
	}
}
