package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sundog/project/serverless"
)

// mounted gives the archives, and where they are, of an application whose functions run from folders: one entry that says so, for an archive must have
// one. The code itself is never zipped.
func mounted(a *serverless.App) (map[string][]byte, map[string]serverless.Artifact, error) {
	archive, err := placeholder()
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(archive)
	archives, artifacts := map[string][]byte{}, map[string]serverless.Artifact{}
	add := func(name string) {
		archives[name] = archive
		artifacts[name] = serverless.Artifact{S3Key: "serverless/" + a.Service + "/" + a.Stage + "/mount/" + name + ".zip", SHA256: base64.StdEncoding.EncodeToString(sum[:])}
	}
	for _, f := range a.Functions {
		if f.Artifact != "" {
			add(f.Artifact)
		}
	}
	for _, l := range a.Layers {
		add(l.Artifact)
	}
	return archives, artifacts, nil
}

// placeholder makes the archive of code that is mounted; always the same, so that nothing has changed when the code has.
func placeholder() ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("MOUNTED")
	if err == nil {
		_, err = w.Write([]byte("The code is in the application's folder.\n"))
	}
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

// standInTypes are the kinds of things that a stand-in can be made of.
var standInTypes = map[string]func(name string) (typ string, props map[string]any){
	"sns topic": func(n string) (string, map[string]any) {
		p := map[string]any{"TopicName": n}
		if strings.HasSuffix(n, ".fifo") {
			p["FifoTopic"] = true
		}
		return "AWS::SNS::Topic", p
	},
	"sqs queue": func(n string) (string, map[string]any) {
		p := map[string]any{"QueueName": n}
		if strings.HasSuffix(n, ".fifo") {
			p["FifoQueue"] = true
		}
		return "AWS::SQS::Queue", p
	},
	"s3 bucket": func(n string) (string, map[string]any) { return "AWS::S3::Bucket", map[string]any{"BucketName": n} },
	"events event-bus": func(n string) (string, map[string]any) {
		return "AWS::Events::EventBus", map[string]any{"Name": n}
	},
}

// standIns makes what the file uses by ARN and does not define, in a tagged stack of its own, with a line for each.
func (l *live) standIns(ctx context.Context) error {
	resources := map[string]any{}
	for _, r := range l.app.ReferencedARNs() {
		resource, ok := standInTypes[r.Kind]
		if !ok || r.ARN.Account != "" && r.ARN.Account != devAccount {
			l.out.line("%s", l.out.paint(yellow, fmt.Sprintf("%s: the %s %q is not defined in the file, and has no stand-in", r.Pos, r.Kind, r.Name)))
			continue
		}
		typ, props := resource(r.Name)
		// Ids follow names, so that a changed file keeps the stand-ins that it still needs.
		resources["StandIn"+alnum(r.Kind)+alnum(r.Name)] = map[string]any{"Type": typ, "Properties": props}
		hint := ""
		if r.Nearest != "" {
			hint = "; the file defines " + r.Nearest
		}
		l.out.line("%s", l.out.paint(yellow, fmt.Sprintf("%s: stand-in for the %s %q, which the file uses (%s) and does not define%s", r.Pos, r.Kind, r.Name, r.Use, hint)))
	}
	if len(resources) == 0 {
		_, err := l.deployer.Remove(ctx, l.standInStack())
		return err
	}
	template, err := json.Marshal(map[string]any{"AWSTemplateFormatVersion": "2010-09-09", "Description": "Stand-ins of sundog dev", "Resources": resources})
	if err != nil {
		return err
	}
	_, err = l.deployer.Apply(ctx, l.standInStack(), template, map[string]string{"sundog:stand-in": "true"}, "")
	return err
}

func (l *live) standInStack() string { return "sundog-stand-ins-" + l.app.StackName }

func alnum(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
