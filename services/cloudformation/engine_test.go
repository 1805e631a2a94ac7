package cloudformation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	api "sundog/api/cloudformation"
	"sundog/cloud"
)

const three = `
Parameters: {Value: {Type: String, Default: one}}
Resources:
  A: {Type: Test::Thing, Properties: {Value: !Ref Value, Encrypted: true}}
  B: {Type: Test::Thing, Properties: {Uses: !GetAtt A.Arn}}
  C: {Type: Test::Thing, Properties: {Uses: !Ref B, Name: c}, DeletionPolicy: Retain}
Outputs: {Arn: {Value: !GetAtt B.Arn}}
`

func TestCreateAndDelete(t *testing.T) {
	f := newFixture(t)
	f.want(f.create(three))
	st := f.status("CREATE_COMPLETE")
	if got := fmt.Sprint(st.Outputs); got != "[{Arn  arn:shop-B-2 }]" {
		t.Errorf("outputs %s", got)
	}
	if got := string(f.w.things["shop-B-2"]["Uses"]); got != `"arn:shop-A-1"` {
		t.Errorf("B uses %s", got)
	}
	want := `shop CREATE_IN_PROGRESS User Initiated
A CREATE_IN_PROGRESS 
A CREATE_IN_PROGRESS Resource creation Initiated
A CREATE_COMPLETE accepted, no effect here: Encrypted: data is not encrypted at rest
B CREATE_IN_PROGRESS 
B CREATE_IN_PROGRESS Resource creation Initiated
B CREATE_COMPLETE 
C CREATE_IN_PROGRESS 
C CREATE_IN_PROGRESS Resource creation Initiated
C CREATE_COMPLETE 
shop CREATE_COMPLETE 
`
	if got := f.events("shop"); got != want {
		t.Errorf("events\n%s", got)
	}
	f.want(f.delete())
	if gone := f.settled(st.ID); gone.Status != "DELETE_COMPLETE" {
		t.Errorf("got %s %s", gone.Status, f.events(st.ID))
	}
	if len(f.w.things) != 1 || f.w.things["shop-C-3"] == nil {
		t.Errorf("left %v", f.w.things)
	}
	if want := "delete B,delete A"; strings.Join(f.w.calls[3:], ",") != want {
		t.Errorf("calls %v", f.w.calls)
	}
	if st := f.settled("shop"); st != nil {
		t.Errorf("the name is still taken: %+v", st)
	}
	f.want(f.delete())
}

func TestFailedCreationRollsBack(t *testing.T) {
	body := `
Resources:
  A: {Type: Test::Thing}
  B: {Type: Test::Thing, Properties: {Uses: !Ref A, Fail: create}}
  C: {Type: Test::Thing, Properties: {Uses: !Ref B}}
`
	f := newFixture(t)
	f.want(f.create(body))
	f.status("ROLLBACK_COMPLETE")
	for _, want := range []string{
		"B CREATE_FAILED the thing does not want to create\n",
		"shop ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [B]. Rollback requested by user.\n",
		"A DELETE_IN_PROGRESS \nA DELETE_COMPLETE \nshop ROLLBACK_COMPLETE \n",
	} {
		if got := f.events("shop"); !strings.Contains(got, want) {
			t.Errorf("events\n%swant %s", got, want)
		}
	}
	if len(f.w.things) != 0 {
		t.Errorf("left %v", f.w.things)
	}
	if err := f.update(body); fmt.Sprint(err) == "" || !strings.Contains(err.Error(), "is in ROLLBACK_COMPLETE state and can not be updated.") {
		t.Errorf("got %v", err)
	}

	f = newFixture(t)
	f.want(f.create(body, func(in *api.CreateStackInput) { yes := true; in.DisableRollback = &yes }))
	f.status("CREATE_FAILED")
	if len(f.w.things) != 1 {
		t.Errorf("left %v", f.w.things)
	}

	f = newFixture(t)
	f.want(f.create(body, func(in *api.CreateStackInput) { d := "DELETE"; in.OnFailure = &d }))
	if st := f.settled("shop"); st != nil {
		t.Errorf("got %+v", st)
	}
}

func TestUpdate(t *testing.T) {
	f := newFixture(t)
	f.want(f.create(three))
	f.status("CREATE_COMPLETE")
	if err := f.update(three); !cloud.IsCode(err, "ValidationError") || cloud.AsError(err).Message != "No updates are to be performed." {
		t.Fatalf("got %v", err)
	}
	f.w.calls = nil
	next := strings.ReplaceAll(strings.Replace(three, "Name: c}, DeletionPolicy: Retain}", "Name: d}}\n  D: {Type: Test::Fixed, Properties: {Uses: !Ref C}}", 1), "Default: one", "Default: two")
	f.want(f.update(next))
	f.status("UPDATE_COMPLETE")
	if got := strings.Join(f.w.calls, ","); got != "update A,create C,create D,delete C" {
		t.Errorf("calls %s", got)
	}
	want := "C UPDATE_IN_PROGRESS \nC UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.\nC UPDATE_COMPLETE \n"
	if got := f.events("shop"); !strings.Contains(got, want) || !strings.Contains(got, "shop UPDATE_COMPLETE_CLEANUP_IN_PROGRESS \nC DELETE_IN_PROGRESS \nC DELETE_COMPLETE \nshop UPDATE_COMPLETE \n") {
		t.Errorf("events\n%s", got)
	}
	f.w.calls = nil
	f.want(f.update("Resources: {A: {Type: Test::Thing, Properties: {Value: two, Encrypted: true}}}"))
	f.status("UPDATE_COMPLETE")
	if got := strings.Join(f.w.calls, ","); got != "delete D,delete C,delete B" {
		t.Errorf("calls %s", got)
	}
}

func TestFailedUpdateRollsBack(t *testing.T) {
	f := newFixture(t)
	f.want(f.create(three))
	f.status("CREATE_COMPLETE")
	before := fmt.Sprint(f.w.things)
	f.w.calls = nil
	f.want(f.update(`
Resources:
  A: {Type: Test::Thing, Properties: {Value: new, Encrypted: true}}
  B: {Type: Test::Thing, Properties: {Uses: !GetAtt A.Arn, Name: other}}
  C: {Type: Test::Thing, Properties: {Uses: !Ref B, Name: c, Fail: update}}
  D: {Type: Test::Thing, Properties: {Uses: !Ref A}}
`))
	st := f.status("UPDATE_ROLLBACK_COMPLETE")
	if got := fmt.Sprint(f.w.things); got != before {
		t.Errorf("left %s\nwant %s\n%s", got, before, f.events("shop"))
	}
	if len(st.Outputs) != 1 {
		t.Errorf("outputs %v", st.Outputs)
	}
	if got := f.events("shop"); !strings.Contains(got, "shop UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [C].\n") {
		t.Errorf("events\n%s", got)
	}
	if err := f.update(three); err == nil || cloud.AsError(err).Message != "No updates are to be performed." {
		t.Errorf("after the rollback: %v", err)
	}
}

func TestRollbackThatFailsContinues(t *testing.T) {
	f := newFixture(t)
	stubborn := "Resources:\n  A: {Type: Test::Thing, Properties: {Fail: update, Value: one}}\n  B: {Type: Test::Thing, Properties: {Uses: !Ref A}}\n"
	f.want(f.create(stubborn))
	f.status("CREATE_COMPLETE")
	f.want(f.update("Resources:\n  A: {Type: Test::Thing, Properties: {Value: two}}\n  B: {Type: Test::Thing, Properties: {Uses: !Ref A, Fail: update}}\n"))
	f.status("UPDATE_ROLLBACK_FAILED")
	n := "shop"
	_, err := f.s.continueRollback(f.ctx, &api.ContinueUpdateRollbackInput{StackName: &n, ResourcesToSkip: []string{"A"}})
	f.want(err)
	f.status("UPDATE_ROLLBACK_COMPLETE")
}

func TestDeletionThatFails(t *testing.T) {
	f := newFixture(t)
	f.want(f.create("Resources:\n  A: {Type: Test::Thing}\n  B: {Type: Test::Thing, Properties: {Uses: !Ref A, Fail: delete}}\n  C: {Type: Test::Thing}"))
	st := f.status("CREATE_COMPLETE")
	f.want(f.delete())
	if st := f.status("DELETE_FAILED"); st.Reason != "The following resource(s) failed to delete: [B]." {
		t.Errorf("got %s", st.Reason)
	}
	n := "shop"
	_, err := f.s.deleteStack(f.ctx, &api.DeleteStackInput{StackName: &n, RetainResources: []string{"B"}})
	f.want(err)
	if gone := f.settled(st.ID); gone.Status != "DELETE_COMPLETE" || len(f.w.things) != 1 {
		t.Errorf("got %+v, left %v", gone, f.w.things)
	}
}

// A process that dies while handlers run goes on at the next start: each thing is made once.
func TestResume(t *testing.T) {
	for _, at := range []string{"A", "B", "C"} {
		f := newFixture(t)
		f.w.hang[at] = make(chan struct{})
		f.want(f.create(three))
		<-f.w.arrive
		f.want(f.s.close())
		if got := f.events("shop"); strings.Contains(got, "FAILED") || strings.Contains(got, "ROLLBACK") {
			t.Fatalf("events\n%s", got)
		}
		f.w.hang = map[string]chan struct{}{}
		f.boot()
		f.status("CREATE_COMPLETE")
		if len(f.w.things) != 3 || len(f.w.calls) != 3 {
			t.Errorf("killed at %s: things %v, calls %v", at, f.w.things, f.w.calls)
		}
		if n := strings.Count(f.events("shop"), at+" CREATE_IN_PROGRESS \n"); n != 1 {
			t.Errorf("killed at %s: begun %d times", at, n)
		}
	}
}

func TestResumeOfAnUpdate(t *testing.T) {
	f := newFixture(t)
	f.want(f.create(three))
	f.status("CREATE_COMPLETE")
	f.w.hang["C"] = make(chan struct{})
	f.want(f.update(strings.Replace(three, "Name: c", "Name: d", 1)))
	<-f.w.arrive
	f.want(f.s.close())
	f.w.hang = map[string]chan struct{}{}
	f.boot()
	f.status("UPDATE_COMPLETE")
	if len(f.w.things) != 3 || string(f.w.things["shop-C-4"]["Name"]) != `"d"` {
		t.Errorf("things %v", f.w.things)
	}
}

func TestWideGraphRunsAtOnce(t *testing.T) {
	f := newFixture(t)
	var b strings.Builder
	b.WriteString("Resources:\n")
	gate := make(chan struct{})
	for i := range 20 {
		fmt.Fprintf(&b, "  T%d: {Type: Test::Thing}\n", i)
		f.w.hang[fmt.Sprintf("T%d", i)] = gate
	}
	f.want(f.create(b.String()))
	for range 20 {
		<-f.w.arrive
	}
	close(gate)
	f.status("CREATE_COMPLETE")
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	for _, c := range [][2]string{
		{"Resources: {Q: {Type: 'AWS::Foo::Bar'}, X: {Type: 'Custom::Thing'}}", "Template format error: Unrecognized resource types: [AWS::Foo::Bar, Custom::Thing]. This platform does not implement them (Q: AWS::Foo::Bar, X: Custom::Thing)"},
		{"Resources: {A: {Type: Test::Thing, Properties: {Nmae: x}}}", "Encountered unsupported property Nmae (resource A of type Test::Thing)"},
		{"Resources: {A: {Type: Test::Thing}, B: {Type: Test::Thing, Properties: {Uses: !GetAtt A.Color}}}", "Template error: resource A does not support attribute type Color in Fn::GetAtt"},
		{"Resources: {A: {Type: Test::Thing, DependsOn: B}, B: {Type: Test::Thing, DependsOn: A}}", "Circular dependency between resources: [A, B]"},
		{"Resources: {A: {Type: Test::Thing, DeletionPolicy: Snapshot}}", "The policy Snapshot of resource A is not implemented."},
		{"Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: x}}}", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: Test::Thing}}", "The transform AWS::Serverless-2016-10-31 is not implemented."},
	} {
		err := f.create(c[0])
		if err == nil {
			t.Fatalf("%s: accepted", c[0])
		}
		if cloud.AsError(err).Message != c[1] {
			t.Errorf("%s:\n got %v\nwant %s", c[0], err, c[1])
		}
	}
	if len(f.w.calls) != 0 {
		t.Errorf("calls %v", f.w.calls)
	}
	f.want(f.create("Resources: {A: {Type: Test::Thing, Properties: {Value: !ImportValue nothing}}}"))
	f.status("ROLLBACK_COMPLETE")
	if got := f.events("shop"); !strings.Contains(got, "A CREATE_FAILED No export named nothing found.\n") {
		t.Errorf("events\n%s", got)
	}
}

func TestExports(t *testing.T) {
	f := newFixture(t)
	f.want(f.create("Resources: {A: {Type: Test::Thing}}\nOutputs: {Arn: {Value: !GetAtt A.Arn, Export: {Name: a-arn}}}"))
	f.status("CREATE_COMPLETE")
	user, body := "user", "Resources: {A: {Type: Test::Thing, Properties: {Value: !ImportValue a-arn}}}"
	_, err := f.s.createStack(f.ctx, &api.CreateStackInput{StackName: &user, TemplateBody: &body})
	f.want(err)
	if st := f.settled(user); st.Status != "CREATE_COMPLETE" {
		t.Fatal(f.events(user))
	}
	export := "a-arn"
	list, err := f.s.listImports(f.ctx, &api.ListImportsInput{ExportName: &export})
	if err != nil || !slices.Equal(list.Imports, []string{"user"}) {
		t.Errorf("imports %v %v", list, err)
	}
	f.want(f.delete())
	if st := f.status("DELETE_FAILED"); st.Reason != "Delete canceled. Cannot delete export a-arn as it is in use by user." {
		t.Errorf("got %s", st.Reason)
	}
	third := "third"
	same := "Resources: {A: {Type: Test::Thing}}\nOutputs: {Arn: {Value: x, Export: {Name: a-arn}}}"
	_, err = f.s.createStack(f.ctx, &api.CreateStackInput{StackName: &third, TemplateBody: &same})
	f.want(err)
	if st := f.settled(third); st.Status != "ROLLBACK_COMPLETE" || !strings.Contains(f.events(third), "Export with name a-arn is already exported by stack shop.") {
		t.Errorf("got %s %s", st.Status, f.events(third))
	}
	if _, err = f.s.deleteStack(f.ctx, &api.DeleteStackInput{StackName: &user}); err != nil {
		t.Fatal(err)
	}
	f.settled(user)
	f.want(f.delete())
	if st := f.settled("shop"); st != nil {
		t.Errorf("got %+v", st)
	}
	exports, err := f.s.listExports(f.ctx, &api.ListExportsInput{})
	if err != nil || len(exports.Exports) != 0 {
		t.Errorf("exports %v %v", exports, err)
	}
}

func TestProtectionAndTemplateURL(t *testing.T) {
	f := newFixture(t)
	n, address, yes := "shop", "https://tmpl.s3.eu-west-1.amazonaws.com/a/b.yaml", true
	_, err := f.s.createStack(f.ctx, &api.CreateStackInput{StackName: &n, TemplateURL: &address, EnableTerminationProtection: &yes})
	f.want(err)
	f.status("CREATE_COMPLETE")
	if err := f.delete(); err == nil || cloud.AsError(err).Message != "Stack [shop] cannot be deleted while TerminationProtection is enabled" {
		t.Errorf("got %v", err)
	}
	no := false
	if _, err := f.s.protect(f.ctx, &api.UpdateTerminationProtectionInput{StackName: &n, EnableTerminationProtection: &no}); err != nil {
		t.Fatal(err)
	}
	if err := f.create(three); err == nil || cloud.AsError(err).Message != "Stack [shop] already exists" {
		t.Errorf("got %v", err)
	}
	f.want(f.delete())
}

func TestParameters(t *testing.T) {
	f := newFixture(t)
	body := "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>'}, S: {Type: String, NoEcho: true}}\nResources: {A: {Type: Test::Thing, Properties: {Value: !Ref P}}}"
	k, v, sk, sv, yes := "P", "/size", "S", "hush", true
	f.want(f.create(body, func(in *api.CreateStackInput) {
		in.Parameters = []api.Parameter{{ParameterKey: &k, ParameterValue: &v}, {ParameterKey: &sk, ParameterValue: &sv}}
	}))
	f.status("CREATE_COMPLETE")
	if got := string(f.w.things["shop-A-1"]["Value"]); got != `"42"` {
		t.Errorf("got %s", got)
	}
	n := "shop"
	out, err := f.s.describeStacks(f.ctx, &api.DescribeStacksInput{StackName: &n})
	if err != nil || *out.Stacks[0].Parameters[1].ParameterValue != "****" {
		t.Errorf("got %+v %v", out, err)
	}
	err = f.update("", func(in *api.UpdateStackInput) {
		in.TemplateBody, in.UsePreviousTemplate = nil, &yes
		in.Parameters = []api.Parameter{{ParameterKey: &k, UsePreviousValue: &yes}, {ParameterKey: &sk, UsePreviousValue: &yes}}
	})
	if err == nil || cloud.AsError(err).Message != "No updates are to be performed." {
		t.Errorf("got %v", err)
	}
}
