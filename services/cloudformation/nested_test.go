package cloudformation

import (
	"strings"
	"testing"

	api "sundog/api/cloudformation"
)

const parent = `
Parameters: {V: {Type: String, Default: one}, F: {Type: String, Default: ""}}
Resources:
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "http://localhost:4566/tmpl/child.yaml", Parameters: {V: !Ref V, F: !Ref F}}}
  User: {Type: Test::Thing, Properties: {Uses: !GetAtt Child.Outputs.Arn}}
`

func TestNestedStacks(t *testing.T) {
	f := newFixture(t)
	f.want(f.create(parent))
	f.status("CREATE_COMPLETE")
	if got := f.thing("-User-")["Uses"]; !strings.HasPrefix(string(got), `"arn:shop-Child-`) {
		t.Errorf("User uses %s", got)
	}
	out, err := f.s.describeStacks(f.ctx, &api.DescribeStacksInput{})
	if err != nil || len(out.Stacks) != 2 {
		t.Fatalf("got %+v %v", out, err)
	}
	for _, st := range out.Stacks {
		if nested := strings.HasPrefix(*st.StackName, "shop-Child-"); nested != (st.ParentId != nil) {
			t.Errorf("%s has the parent %s", *st.StackName, str(st.ParentId))
		}
	}
	f.want(f.update(strings.Replace(parent, "Default: one", "Default: two", 1)))
	f.status("UPDATE_COMPLETE")
	if got := string(f.thing("-A-")["Value"]); got != `"two"` {
		t.Errorf("the child has %s", got)
	}
	f.want(f.update(strings.NewReplacer("Default: one", "Default: three", `Default: ""`, "Default: update").Replace(parent)))
	f.status("UPDATE_ROLLBACK_COMPLETE")
	if got := f.events("shop"); !strings.Contains(got, "Currently in UPDATE_ROLLBACK_COMPLETE with reason: The following resource(s) failed to update: [A].") {
		t.Errorf("events\n%s", got)
	}
	f.want(f.delete())
	if st := f.settled("shop"); st != nil || len(f.w.things) != 0 {
		t.Errorf("left %+v, %v", st, f.w.things)
	}
}

// thing gives the properties of the thing whose physical id has a part.
func (f *fixture) thing(part string) map[string][]byte {
	out := map[string][]byte{}
	for id, p := range f.w.things {
		if strings.Contains(id, part) {
			for k, v := range p {
				out[k] = v
			}
		}
	}
	return out
}

func TestStacksThatNestThemselvesEnd(t *testing.T) {
	f := newFixture(t)
	f.want(f.create("Resources: {S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'http://localhost/tmpl/self.yaml'}}}"))
	f.status("ROLLBACK_COMPLETE")
	out, err := f.s.describeStacks(f.ctx, &api.DescribeStacksInput{})
	if err != nil || len(out.Stacks) != 1 {
		t.Errorf("left %d stacks, %v", len(out.Stacks), err)
	}
}
