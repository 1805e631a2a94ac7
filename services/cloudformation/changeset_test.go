package cloudformation

import (
	"fmt"
	"strings"
	"testing"

	api "sundog/api/cloudformation"
	"sundog/cloud"
)

func (f *fixture) changeSet(typ, n, body string) error {
	stack := "shop"
	_, err := f.s.createChangeSet(f.ctx, &api.CreateChangeSetInput{StackName: &stack, ChangeSetName: &n, ChangeSetType: &typ, TemplateBody: &body})
	return err
}

func (f *fixture) describeChangeSet(n string) *api.DescribeChangeSetOutput {
	f.Helper()
	stack := "shop"
	out, err := f.s.describeChangeSet(f.ctx, &api.DescribeChangeSetInput{StackName: &stack, ChangeSetName: &n})
	if err != nil {
		f.Fatal(err)
	}
	return out
}

func (f *fixture) execute(n string) error {
	stack := "shop"
	_, err := f.s.executeChangeSet(f.ctx, &api.ExecuteChangeSetInput{StackName: &stack, ChangeSetName: &n})
	return err
}

// The way of `aws cloudformation deploy`, the Serverless Framework and CDK.
func TestDeployByChangeSets(t *testing.T) {
	f := newFixture(t)
	f.want(f.changeSet("CREATE", "first", three))
	f.status("REVIEW_IN_PROGRESS")
	if got := f.describeChangeSet("first"); *got.Status != "CREATE_COMPLETE" || *got.ExecutionStatus != "AVAILABLE" || len(got.Changes) != 3 {
		t.Errorf("got %+v", got)
	}
	if len(f.w.calls) != 0 {
		t.Errorf("calls %v", f.w.calls)
	}
	f.want(f.execute("first"))
	f.status("CREATE_COMPLETE")
	if err := f.execute("first"); !cloud.IsCode(err, "InvalidChangeSetStatus") {
		t.Errorf("got %v", err)
	}
	f.want(f.changeSet("UPDATE", "same", three))
	if got := f.describeChangeSet("same"); *got.Status != "FAILED" || !strings.HasPrefix(*got.StatusReason, "The submitted information didn't contain changes.") {
		t.Errorf("got %+v", got)
	}
	f.want(f.changeSet("UPDATE", "next", strings.NewReplacer("Default: one", "Default: two", "Value: !GetAtt B.Arn}}", "Value: !GetAtt B.Arn}, Size: {Value: !GetAtt A.Size}}").Replace(three)))
	got := f.describeChangeSet("next")
	if len(got.Changes) != 1 || *got.Changes[0].ResourceChange.Action != "Modify" || *got.Changes[0].ResourceChange.Details[0].Target.Name != "Value" {
		t.Errorf("got %+v", got.Changes)
	}
	f.want(f.execute("next"))
	if st := f.status("UPDATE_COMPLETE"); len(st.Outputs) != 2 || st.Outputs[1].Value != "3" {
		t.Errorf("outputs %v", st.Outputs)
	}
	if err := f.changeSet("CREATE", "again", three); err == nil || cloud.AsError(err).Message != "Stack [shop] already exists and cannot be created again with the changeSet [again]." {
		t.Errorf("got %v", err)
	}
	n := "shop"
	list, err := f.s.listChangeSets(f.ctx, &api.ListChangeSetsInput{StackName: &n})
	if err != nil || len(list.Summaries) != 1 || *list.Summaries[0].ExecutionStatus != "EXECUTE_COMPLETE" {
		t.Errorf("got %+v %v", list, err)
	}
	tmpl, err := f.s.getTemplate(f.ctx, &api.GetTemplateInput{StackName: &n})
	if err != nil || !strings.Contains(*tmpl.TemplateBody, "Default: two") {
		t.Errorf("got %+v %v", tmpl, err)
	}
}

func TestChangeSetThatIsNotThere(t *testing.T) {
	f := newFixture(t)
	f.want(f.changeSet("CREATE", "first", three))
	if err := f.execute("other"); !cloud.IsCode(err, "ChangeSetNotFound") {
		t.Errorf("got %v", err)
	}
	stack, n := "shop", "first"
	if _, err := f.s.deleteChangeSet(f.ctx, &api.DeleteChangeSetInput{StackName: &stack, ChangeSetName: &n}); err != nil {
		t.Error(err)
	}
	f.want(f.delete())
	if st := f.settled("shop"); st != nil {
		t.Errorf("got %+v", st)
	}
	if err := f.changeSet("UPDATE", "x", three); fmt.Sprint(err) == "<nil>" {
		t.Error("accepted an update of nothing")
	}
}
