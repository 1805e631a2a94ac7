// Package deploy brings an application onto a platform: it uploads the packages and drives the CloudFormation API, as any other tool would.
// It knows nothing of the platform but its AWS endpoint, and never falls back to a real cloud.
package deploy

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cfn "sundog/api/cloudformation"
	"sundog/api/s3"
	"sundog/cloud"
	"sundog/edge/wire/client"
	"sundog/project/bundle"
	"sundog/project/serverless"
)

// Deployer applies stacks through one endpoint.
type Deployer struct {
	Client   *client.Client
	Progress func(string) // may be nil
	Canary   *Canary      // how an application's functions change; nil: at once
	Clock    cloud.Clock  // needed with Canary
}

// Outcome is what became of a stack.
type Outcome struct {
	StackID   string
	Created   bool
	Unchanged bool
	Outputs   map[string]string
	Resources map[string]string // logical id -> physical id
	Notes     []string          // "accepted, no effect here", a line each
}

// Failed says that a stack could not be applied: the first resource that failed, and why.
type Failed struct {
	Stack, Status, LogicalID, Type, Reason string
}

// Error names the resource and the reason.
func (f *Failed) Error() string {
	if f.LogicalID == "" {
		return fmt.Sprintf("stack %s: %s: %s", f.Stack, f.Status, f.Reason)
	}
	return fmt.Sprintf("stack %s: %s (%s): %s", f.Stack, f.LogicalID, f.Type, f.Reason)
}

func (d *Deployer) say(format string, args ...any) {
	if d.Progress != nil {
		d.Progress(fmt.Sprintf(format, args...))
	}
}

// maxInline is the largest template that travels in the request itself (CloudFormation quotas).
const maxInline = 51_200

// Apply creates or updates a stack and waits until it is complete. A template without changes is no error. bucket is where templates over the
// inline limit go; "" refuses them.
func (d *Deployer) Apply(ctx context.Context, stack string, template []byte, tags map[string]string, bucket string) (Outcome, error) {
	body, url, err := d.templateOf(ctx, stack, template, bucket)
	if err != nil {
		return Outcome{}, err
	}
	old, err := d.describe(ctx, stack)
	if err != nil {
		return Outcome{}, err
	}
	if old != nil && (*old.StackStatus == "ROLLBACK_COMPLETE" || *old.StackStatus == "ROLLBACK_FAILED") {
		d.say("removing the failed stack %s", stack)
		if _, err := d.Remove(ctx, stack); err != nil {
			return Outcome{}, err
		}
		old = nil
	}
	out := Outcome{Created: old == nil}
	var list []cfn.Tag
	for k, v := range tags {
		list = append(list, cfn.Tag{Key: new(k), Value: new(v)})
	}
	capabilities := []string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}
	if out.Created {
		err = d.Client.Call(ctx, cfn.CreateStackOp, &cfn.CreateStackInput{StackName: &stack, TemplateBody: body, TemplateURL: url, Capabilities: capabilities, Tags: list}, &cfn.CreateStackOutput{})
	} else {
		err = d.Client.Call(ctx, cfn.UpdateStackOp, &cfn.UpdateStackInput{StackName: &stack, TemplateBody: body, TemplateURL: url, Capabilities: capabilities, Tags: list}, &cfn.UpdateStackOutput{})
	}
	var e *cloud.Error
	if errors.As(err, &e) && strings.Contains(e.Message, "No updates are to be performed") {
		out.Unchanged, err = true, nil
	}
	if err != nil {
		return out, err
	}
	return out, d.finish(ctx, stack, &out)
}

// templateOf gives the template for a request: as it is, or by its URL.
func (d *Deployer) templateOf(ctx context.Context, stack string, template []byte, bucket string) (body, url *string, err error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, template); err != nil {
		return nil, nil, err
	}
	if compact.Len() <= maxInline {
		return new(compact.String()), nil, nil
	}
	if bucket == "" {
		return nil, nil, fmt.Errorf("the template of %s has %d bytes; over %d it needs a deployment bucket", stack, compact.Len(), maxInline)
	}
	key := "serverless/" + stack + "/compiled-cloudformation-template.json"
	if err := d.upload(ctx, bucket, key, compact.Bytes()); err != nil {
		return nil, nil, err
	}
	return nil, new("https://s3.amazonaws.com/" + bucket + "/" + key), nil
}

func (d *Deployer) upload(ctx context.Context, bucket, key string, body []byte) error {
	return d.Client.Call(ctx, s3.PutObjectOp, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}, &s3.PutObjectOutput{})
}

// describe gives a stack, or nil when there is none.
func (d *Deployer) describe(ctx context.Context, stack string) (*cfn.Stack, error) {
	var out cfn.DescribeStacksOutput
	err := d.Client.Call(ctx, cfn.DescribeStacksOp, &cfn.DescribeStacksInput{StackName: &stack}, &out)
	var e *cloud.Error
	if errors.As(err, &e) && strings.Contains(e.Message, "does not exist") {
		return nil, nil
	}
	if err != nil || len(out.Stacks) == 0 {
		return nil, err
	}
	return &out.Stacks[0], nil
}

// wait polls until the stack is at rest, and gives it; nil when it is gone.
func (d *Deployer) wait(ctx context.Context, stack string) (*cfn.Stack, error) {
	delay := 5 * time.Millisecond
	w := watcher{d: d}
	for {
		s, err := d.describe(ctx, stack)
		if err != nil || s == nil || !strings.HasSuffix(*s.StackStatus, "_IN_PROGRESS") {
			return s, err
		}
		if d.Canary != nil && *s.StackStatus == "UPDATE_IN_PROGRESS" {
			if err := w.look(ctx, stack); err != nil {
				return nil, err
			}
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		delay = min(delay*3/2, 250*time.Millisecond)
	}
}

// finish waits for a stack and fills the outcome.
func (d *Deployer) finish(ctx context.Context, stack string, out *Outcome) error {
	s, err := d.wait(ctx, stack)
	if err != nil {
		return err
	}
	if s == nil {
		return &Failed{Stack: stack, Status: "DELETE_COMPLETE", Reason: "the stack is gone"}
	}
	if !slices.Contains([]string{"CREATE_COMPLETE", "UPDATE_COMPLETE"}, *s.StackStatus) && !out.Unchanged {
		return d.failure(ctx, s)
	}
	out.StackID, out.Outputs, out.Resources = *s.StackId, map[string]string{}, map[string]string{}
	for _, o := range s.Outputs {
		out.Outputs[*o.OutputKey] = *o.OutputValue
	}
	err = d.resources(ctx, stack, func(r cfn.StackResourceSummary) {
		if r.PhysicalResourceId != nil {
			out.Resources[*r.LogicalResourceId] = *r.PhysicalResourceId
		}
	})
	if err != nil {
		return err
	}
	return d.notes(ctx, stack, out)
}

// resources calls fn for every resource of a stack.
func (d *Deployer) resources(ctx context.Context, stack string, fn func(cfn.StackResourceSummary)) error {
	in := &cfn.ListStackResourcesInput{StackName: &stack}
	for {
		var out cfn.ListStackResourcesOutput
		if err := d.Client.Call(ctx, cfn.ListStackResourcesOp, in, &out); err != nil {
			return err
		}
		for _, r := range out.StackResourceSummaries {
			fn(r)
		}
		if out.NextToken == nil {
			return nil
		}
		in.NextToken = out.NextToken
	}
}

// events calls fn for the events of the last operation on a stack, newest first, until it returns false.
func (d *Deployer) events(ctx context.Context, stack string, fn func(cfn.StackEvent) bool) error {
	var token *string
	for {
		var out cfn.DescribeStackEventsOutput
		if err := d.Client.Call(ctx, cfn.DescribeStackEventsOp, &cfn.DescribeStackEventsInput{StackName: &stack, NextToken: token}, &out); err != nil {
			return err
		}
		for _, e := range out.StackEvents {
			if !fn(e) {
				return nil
			}
			status := text(e.ResourceStatus)
			if text(e.PhysicalResourceId) == text(e.StackId) && (status == "CREATE_IN_PROGRESS" || status == "UPDATE_IN_PROGRESS") {
				return nil
			}
		}
		if token = out.NextToken; token == nil {
			return nil
		}
	}
}

const noEffect = "accepted, no effect here"

func (d *Deployer) notes(ctx context.Context, stack string, out *Outcome) error {
	err := d.events(ctx, stack, func(e cfn.StackEvent) bool {
		for line := range strings.SplitSeq(text(e.ResourceStatusReason), "\n") {
			if strings.HasPrefix(line, noEffect) {
				out.Notes = append(out.Notes, text(e.LogicalResourceId)+": "+line)
			}
		}
		return true
	})
	slices.Sort(out.Notes)
	return err
}

// failure finds the first resource that failed.
func (d *Deployer) failure(ctx context.Context, s *cfn.Stack) error {
	f := &Failed{Stack: *s.StackName, Status: *s.StackStatus, Reason: text(s.StackStatusReason)}
	err := d.events(ctx, *s.StackName, func(e cfn.StackEvent) bool {
		reason := text(e.ResourceStatusReason)
		if strings.HasSuffix(text(e.ResourceStatus), "_FAILED") && reason != "" && !strings.Contains(reason, "cancelled") {
			f.LogicalID, f.Type, f.Reason = text(e.LogicalResourceId), text(e.ResourceType), reason
		}
		return true
	})
	return errors.Join(f, err)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// Remove deletes a stack and waits until it is gone; an absent one is no error, and not found. Deployment buckets are emptied first.
func (d *Deployer) Remove(ctx context.Context, stack string) (found bool, err error) {
	s, err := d.describe(ctx, stack)
	if err != nil || s == nil {
		return false, err
	}
	id := *s.StackId
	if bucket, err := d.bucket(ctx, stack); err == nil && bucket != "" {
		if err := d.empty(ctx, bucket); err != nil {
			return true, err
		}
	}
	if err := d.Client.Call(ctx, cfn.DeleteStackOp, &cfn.DeleteStackInput{StackName: &stack}, &cfn.DeleteStackOutput{}); err != nil {
		return true, err
	}
	if s, err = d.wait(ctx, id); err != nil {
		return true, err
	}
	if s != nil && *s.StackStatus != "DELETE_COMPLETE" {
		return true, d.failure(ctx, s)
	}
	return true, nil
}

// bucketID is the logical id of the deployment bucket, as the framework calls it.
const bucketID = "ServerlessDeploymentBucket"

// bucket gives the deployment bucket of a stack; "" when it has none.
func (d *Deployer) bucket(ctx context.Context, stack string) (string, error) {
	var out cfn.DescribeStackResourceOutput
	err := d.Client.Call(ctx, cfn.DescribeStackResourceOp, &cfn.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: new(bucketID)}, &out)
	var e *cloud.Error
	if errors.As(err, &e) && e.Status < 500 {
		return "", nil
	}
	if err != nil || out.StackResourceDetail == nil {
		return "", err
	}
	return text(out.StackResourceDetail.PhysicalResourceId), nil
}

// empty deletes every object and version of a bucket.
func (d *Deployer) empty(ctx context.Context, bucket string) error {
	for {
		var list s3.ListObjectsV2Output
		if err := d.Client.Call(ctx, s3.ListObjectsV2Op, &s3.ListObjectsV2Input{Bucket: &bucket}, &list); err != nil {
			if cloud.IsCode(err, "NoSuchBucket") {
				return nil
			}
			return err
		}
		if len(list.Contents) == 0 {
			return nil
		}
		for _, o := range list.Contents {
			if err := d.Client.Call(ctx, s3.DeleteObjectOp, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}, &s3.DeleteObjectOutput{}); err != nil {
				return err
			}
		}
	}
}

// Packages makes the application's archives.
func Packages(ctx context.Context, app *serverless.App, b *bundle.Builder) (map[string][]byte, map[string]serverless.Artifact, error) {
	archives, artifacts := map[string][]byte{}, map[string]serverless.Artifact{}
	for _, u := range bundle.Units(app) {
		var buf bytes.Buffer
		a, err := b.Zip(ctx, &buf, u)
		if err != nil {
			return nil, nil, err
		}
		archives[u.Name] = buf.Bytes()
		artifacts[u.Name] = artifactOf(app, u.Name, a.SHA256)
	}
	return archives, artifacts, nil
}

// artifactOf names an archive by its content, so that a second identical deploy changes nothing.
func artifactOf(app *serverless.App, name, sum string) serverless.Artifact {
	short := hex.EncodeToString([]byte(sum))[:24]
	return serverless.Artifact{S3Key: fmt.Sprintf("serverless/%s/%s/%s/%s.zip", app.Service, app.Stage, short, name), SHA256: sum}
}

// Application deploys a whole application: the bucket, the archives, the stack.
func (d *Deployer) Application(ctx context.Context, app *serverless.App, archives map[string][]byte, artifacts map[string]serverless.Artifact) (Outcome, error) {
	template, err := app.Template(artifacts)
	if err != nil {
		return Outcome{}, err
	}
	bucket, err := d.ensureBucket(ctx, app, template)
	if err != nil {
		return Outcome{}, err
	}
	for name, body := range archives {
		d.say("uploading %s (%d kB)", name, (len(body)+1023)/1024)
		if err := d.upload(ctx, bucket, artifacts[name].S3Key, body); err != nil {
			return Outcome{}, err
		}
	}
	if d.Canary != nil {
		if template, err = d.Canary.in(template); err != nil {
			return Outcome{}, err
		}
	}
	return d.Apply(ctx, app.StackName, template, app.StackTags, bucket)
}

// ensureBucket gives the deployment bucket: one that the file names, or the stack's own, which a first deploy makes alone beforehand.
func (d *Deployer) ensureBucket(ctx context.Context, app *serverless.App, template []byte) (string, error) {
	var doc struct {
		AWSTemplateFormatVersion string
		Description              string                     `json:",omitempty"`
		Resources                map[string]json.RawMessage `json:"Resources"`
	}
	if err := json.Unmarshal(template, &doc); err != nil {
		return "", err
	}
	if _, own := doc.Resources[bucketID]; !own {
		return app.DeploymentBucket(), nil
	}
	if s, err := d.describe(ctx, app.StackName); err != nil || s != nil && !strings.HasPrefix(*s.StackStatus, "ROLLBACK") {
		bucket, berr := d.bucket(ctx, app.StackName)
		return bucket, errors.Join(err, berr)
	}
	for id := range doc.Resources {
		if id != bucketID && id != bucketID+"Policy" {
			delete(doc.Resources, id)
		}
	}
	first, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	out, err := d.Apply(ctx, app.StackName, first, app.StackTags, "")
	return out.Resources[bucketID], err
}
