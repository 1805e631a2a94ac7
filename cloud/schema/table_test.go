package schema

import (
	"strings"
	"testing"
)

const sample = "O\tGet\tGET\t/{Id}?x\t200\t0\t1\t3\thost=a.\n" +
	"S\tIn\tstructure\nM\tid\t2\treq\tloc=uri\twire=Id\nM\tself\t0\n" +
	"S\tOut\tstructure\tpayload=body\nM\tbody\t4\tstream\n" +
	"S\tText\tstring\tmin=1\tmax=64\tpattern=[a=b|c]+\tenum=a|b\n" +
	"S\tGone\tstructure\terror=GoneCode\tstatus=404\tsender\n" +
	"S\tBytes\tblob\n"

func TestParse(t *testing.T) {
	s := &Service{ID: "x", Table: sample}
	op := s.Operation("Get")
	m := op.Model()
	if m.HostPrefix != "a." || !m.StreamOut || m.StreamIn || m.Output.Payload.Shape.Kind != Blob {
		t.Fatalf("got %+v", m)
	}
	id := m.Input.Member("id")
	if !id.Required || id.Location != URI || id.Wire != "Id" || id.Shape.Pattern != "[a=b|c]+" || id.Shape.Max != 64 || len(id.Shape.Enum) != 2 {
		t.Fatalf("got %+v", id)
	}
	if m.Input.Member("self").Shape != m.Input {
		t.Fatal("the shape does not refer to itself")
	}
	if s.Error(nil, "Gone") != s.Error(m, "GoneCode") || s.Error(nil, "Gone").Error.Status != 404 || s.Error(m, "Other") != nil {
		t.Fatal("errors by name or code")
	}
	if s.Operation("Put") != nil || (&Operation{Name: "Put", Service: s}).Served() || !op.Served() {
		t.Fatal("an operation that is not there")
	}
}

// A broken table is an error with its line, never a panic.
func TestBroken(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"X\ta", "unknown record"},
		{"M\ta\t0", "before any shape"},
		{"S\tA\tnothing", "unknown kind"},
		{"S\tA\tlist", "with 0 members"},
		{"S\tA\tstructure\nM\ta\t7", "no shape"},
		{"S\tA\tstring\tmin=x", "invalid syntax"},
		{"S\tA\tstring\tcolour", "unknown attribute"},
		{"O\tA\tGET", "short operation"},
		{"O\tA\tGET\t/\tx\t-\t-\t-", "invalid syntax"},
		{"O\tA\tGET\t/\t200\t9\t-\t-", "no shape"},
	} {
		if err := (&Service{Table: c.text}).Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestGoName(t *testing.T) {
	for in, want := range map[string]string{"queueName": "QueueName", "MD5OfBody": "MD5OfBody", "a-b": "AB", "_x": "X"} {
		if got := GoName(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(_ *testing.T, text string) { _ = (&Service{Table: text}).Check() })
}
