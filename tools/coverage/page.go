package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// summary is the README's table: a line for each API.
func (c coverage) summary() string {
	var b strings.Builder
	b.WriteString("\n| API | operations served | of | protocols | resource types |\n| --- | ---: | ---: | --- | --- |\n")
	for _, s := range c.services {
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s |\n", s.schema.FullName, len(s.served), s.total(), strings.Join(s.schema.Protocols, ", "), cell(strings.Join(c.typesOf(s), ", ")))
	}
	b.WriteString("\n")
	return b.String()
}

// namespaces are the parts of resource types ("AWS::SQS::Queue": SQS) that belong to an API, where they are not the API's service id.
var namespaces = map[string]string{
	"apigatewayv2": "ApiGatewayV2", "sfn": "StepFunctions", "events": "Events", "logs": "Logs", "cloudformation": "CloudFormation",
	"dynamodb": "DynamoDB", "lambda": "Lambda", "iam": "IAM", "scheduler": "Scheduler", "cloudwatch": "CloudWatch", "xray": "XRay",
}

func (c coverage) typesOf(s *service) []string {
	ns := namespaces[s.schema.ID]
	if ns == "" {
		ns = s.schema.ServiceID
	}
	var out []string
	for _, t := range c.types {
		if name, ok := strings.CutPrefix(t.Type, "AWS::"+ns+"::"); ok {
			out = append(out, name)
		}
	}
	return out
}

const intro = `# What is served

Written by ` + "`go run ./tools/coverage`" + ` from the lists that the rooms themselves bring. What is not served is refused by name: HTTP 501 with the code
NotImplemented for an operation or parameter, a failed deployment for a resource type or property. An operation that is served may still refuse
some of its parameters; the refusal names them.

`

// page is docs/coverage.md.
func (c coverage) page() []byte {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("## Operations\n")
	for _, s := range c.services {
		fmt.Fprintf(&b, "\n### %s (%s, %s)\n\n%d of %d. Protocols: %s.\n\n", s.schema.FullName, s.schema.ServiceID, s.schema.APIVersion, len(s.served), s.total(),
			strings.Join(s.schema.Protocols, ", "))
		fmt.Fprintf(&b, "Served: %s.\n", strings.Join(s.served, ", "))
		if len(s.refused) > 0 {
			b.WriteString("\n| not served | because |\n| --- | --- |\n")
			for _, r := range s.refused {
				fmt.Fprintf(&b, "| %s | %s |\n", r.name, cell(r.why))
			}
		}
		if len(s.rest) > 0 {
			fmt.Fprintf(&b, "\nNot served: %s.\n", strings.Join(s.rest, ", "))
		}
	}
	c.resources(&b)
	return []byte(b.String())
}

func (c coverage) resources(b *strings.Builder) {
	b.WriteString("\n## Resource types\n\nOf CloudFormation templates, and so of `resources` in serverless.yml.\n\n")
	b.WriteString("| type | properties that are applied | attributes (Fn::GetAtt) |\n| --- | --- | --- |\n")
	for _, t := range c.types {
		fmt.Fprintf(b, "| %s | %s | %s |\n", t.Type, cell(strings.Join(sorted(t.Properties), ", ")), cell(strings.Join(sorted(t.Attributes), ", ")))
	}
	b.WriteString("\n## Accepted, no effect here\n\nThese properties are taken and change nothing. A deployment lists those that the template uses.\n\n")
	b.WriteString("| type | property | because |\n| --- | --- | --- |\n")
	for _, t := range c.types {
		for _, p := range slices.Sorted(maps.Keys(t.NoEffect)) {
			fmt.Fprintf(b, "| %s | %s | %s |\n", t.Type, p, cell(t.NoEffect[p]))
		}
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// cell makes text fit for a table.
func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", "\\|") }
