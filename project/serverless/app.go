package serverless

import (
	"encoding/json"
)

// App is an application, read and compiled. It does not change; its methods may run at once.
type App struct {
	Dir     string // absolute
	File    string // the configuration's name in Dir
	Service string
	Stage   string
	Region  string

	StackName string            // of the CloudFormation stack
	StackTags map[string]string // stackTags, and nothing else
	Functions []Function        // in the file's order
	Layers    []Layer
	Package   Package // the service's own package settings
	Plugins   []string
	Refers    []string     // absolute paths of the files that the configuration names by ${file()}, sorted; some may not be there
	Warnings  []Diagnostic // everything that Load had to say, notes included
	compiled  *Value       // the template without artifacts
	config    *Value       // the resolved configuration
	opts      Options
}

// Function is one function of the application.
type Function struct {
	Key        string // its key in the file
	Name       string // its physical name
	LogicalID  string
	Handler    string   // "" for an image
	Runtime    string   // "" for an image
	Image      string   // address of a container image; "" for code
	Artifact   string   // the key of its package among the artifacts that Template takes; "" for an image
	Layers     []string // logical ids of layers of this application that it uses
	Package    Package
	Events     []Event
	Pos        Pos // of its key
	HandlerPos Pos
}

// Event says what starts a function, for listings.
type Event struct {
	Type    string // "httpApi", "sqs", ...
	Summary string // "GET /users/{id}", an ARN, a schedule, ...
	Pos     Pos
}

// Layer is one layer of the application.
type Layer struct {
	Key       string
	LogicalID string
	Path      string // the folder of its files, relative to Dir
	Artifact  string // the key of its package among the artifacts that Template takes
	Package   Package
	Pos       Pos
}

// Package says what goes into an archive.
type Package struct {
	Patterns               []string // in order; "!" excludes
	Include, Exclude       []string // the older way
	Individually           bool
	Artifact               string // a ready archive; "" when it is to be made
	ExcludeDevDependencies bool   // default true
}

func newApp(dir, file string, cfg *Value, opts Options) *App {
	return &App{Dir: dir, File: file, config: cfg, opts: opts}
}

// describe fills the App from the finished compiler.
func (a *App) describe(c *compiler) {
	a.Service, a.Stage, a.Region = c.service, c.stage, c.region
	a.StackName = orText(c.provider.Get("stackName"), c.service+"-"+c.stage)
	a.StackTags = map[string]string{}
	for _, f := range c.provider.Get("stackTags").entries() {
		a.StackTags[f.Key] = f.Value.Str()
	}
	for _, p := range c.pluginNames() {
		a.Plugins = append(a.Plugins, p.Str())
	}
	a.Package = packageOf(c.cfg.Get("package"))
	a.compiled = c.template
	for _, l := range c.layers {
		a.Layers = append(a.Layers, Layer{Key: l.key, LogicalID: l.id, Path: l.cfg.Get("path").Str(), Artifact: artifactOfLayer(l.key),
			Package: packageOf(l.cfg.Get("package")), Pos: l.cfg.Pos})
	}
	for _, fn := range c.functions {
		a.Functions = append(a.Functions, a.function(c, fn))
	}
}

func (a *App) function(c *compiler, fn *function) Function {
	f := Function{Key: fn.key, Name: fn.name, LogicalID: fn.logicalID(), Image: fn.image, Package: packageOf(fn.cfg.Get("package")), Pos: fn.keyPos}
	if fn.image == "" {
		f.Handler, f.HandlerPos = fn.cfg.Get("handler").Str(), fn.cfg.Get("handler").Where()
		f.Runtime, f.Artifact = c.runtime(fn), c.artifactKey(fn)
	}
	for _, l := range c.resources.Get(fn.logicalID(), "Properties", "Layers").items() {
		for _, own := range c.layers {
			if l.Get("Ref").Str() == own.id {
				f.Layers = append(f.Layers, own.id)
			}
		}
	}
	for _, ev := range fn.events {
		f.Events = append(f.Events, Event{Type: ev.typ, Summary: summary(ev), Pos: ev.at})
	}
	return f
}

// summary gives an event in a few words.
func summary(ev event) string {
	if s := ev.cfg.Str(); s != "" {
		return s
	}
	if m := ev.cfg.Get("method"); m.Is(String) && ev.cfg.Has("path") {
		return m.Text + " " + ev.cfg.Get("path").Str()
	}
	for _, key := range []string{"arn", "topicName", "bucket", "rate", "schedule", "route", "pattern", "event", "logGroup", "sql", "pool", "path"} {
		v := ev.cfg.Get(key)
		if s := v.Str(); s != "" {
			return s
		}
		if !v.IsNull() {
			return v.JSON()
		}
	}
	return ""
}

func packageOf(p *Value) Package {
	out := Package{Patterns: texts(p.Get("patterns")), Include: texts(p.Get("include")), Exclude: texts(p.Get("exclude")),
		Individually: p.Get("individually").Truthy(), Artifact: p.Get("artifact").Str(), ExcludeDevDependencies: !isFalse(p.Get("excludeDevDependencies"))}
	return out
}

// Compiled gives the template without artifacts, with positions. It must not be changed.
func (a *App) Compiled() *Value { return a.compiled }

// Template gives the CloudFormation template as JSON, with the places and hashes of the packages, by the Artifact keys of
// functions and layers. A version's logical id changes when the function's code or configuration does, and only then, so an
// unchanged application gives the same bytes.
func (a *App) Template(artifacts map[string]Artifact) ([]byte, error) {
	c := newCompiler(a.config.Clone(), a.opts, artifacts)
	c.run()
	if err := c.err(); err != nil {
		return nil, err
	}
	return json.MarshalIndent(c.template, "", "  ")
}
