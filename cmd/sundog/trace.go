package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sundog/app"
	"sundog/cloud"
)

type traceCommand struct {
	platform
	ID    string `arg:"" optional:"" name:"trace" help:"The trace's id; without it, the newest traces."`
	Limit int    `default:"20" help:"How many traces to list."`
}

// Run prints a trace as a tree, or the newest traces.
func (c *traceCommand) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	out := newScreen(os.Stdout)
	if c.ID == "" {
		var heads []app.TraceHead
		if err := conn.admin(ctx, "GET", fmt.Sprintf("traces?limit=%d", c.Limit), nil, &heads); err != nil {
			return err
		}
		rows := [][]string{{"time", "trace", "took", "", "request"}}
		for _, h := range heads {
			rows = append(rows, []string{h.Start.UTC().Format("15:04:05.000"), h.Trace, took(h.Span), mark(out, h), label(h.Span)})
		}
		out.table(rows)
		return nil
	}
	var spans []app.Span
	if err := conn.admin(ctx, "GET", "traces/"+c.ID, nil, &spans); err != nil {
		return err
	}
	printTree(out, spans)
	return nil
}

func took(s app.Span) string {
	d := s.End.Sub(s.Start)
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// mark tells how a trace went: whether its first request failed, or how much of what that caused.
func mark(out *screen, h app.TraceHead) string {
	switch {
	case h.Fault != "":
		return out.paint(red, "failed")
	case h.Faults > 0:
		return out.paint(red, fmt.Sprintf("%d failed inside", h.Faults))
	}
	return out.paint(green, "ok")
}

// label names what a span did, and to what.
func label(s app.Span) string {
	arn, err := cloud.ParseARN(s.Resource)
	if s.Kind != "api" || err != nil {
		return s.Name
	}
	if arn.Service == "s3" { // BUCKET/KEY
		return s.Name + " " + arn.Resource
	}
	_, name := arn.ResourceType()
	return s.Name + " " + name
}

// printTree prints spans under their parents, by start. A span whose parent is unknown stands at the root.
func printTree(out *screen, spans []app.Span) {
	known := map[string]bool{}
	for _, s := range spans {
		known[s.ID] = true
	}
	children := map[string][]app.Span{}
	for _, s := range spans {
		parent := s.Parent
		if !known[parent] || parent == s.ID {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	for _, list := range children {
		slices.SortStableFunc(list, func(a, b app.Span) int { return a.Start.Compare(b.Start) })
	}
	var start time.Time
	if len(spans) > 0 {
		start = spans[0].Start
	}
	var walk func(parent, indent string)
	walk = func(parent, indent string) {
		list := children[parent]
		for i, s := range list {
			branch, below := "├─ ", "│  "
			if i == len(list)-1 {
				branch, below = "└─ ", "   "
			}
			if parent == "" {
				branch, below = "", ""
			}
			name := label(s)
			line := indent + branch + out.paint(bold, name)
			line += strings.Repeat(" ", max(1, 56-len([]rune(indent+branch))-len([]rune(name))))
			line += fmt.Sprintf("%10s  +%s", took(s), s.Start.Sub(start).Round(100*time.Microsecond))
			if s.Fault != "" {
				fault, _, _ := strings.Cut(s.Fault, "\n")
				line += "  " + out.paint(red, fault)
			}
			out.line("%s", line)
			walk(s.ID, indent+below)
		}
	}
	walk("", "")
}
