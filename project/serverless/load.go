package serverless

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// configNames are the configuration's file names, in the order in which they are looked for.
var configNames = []string{"serverless.yml", "serverless.yaml", "serverless.json"}

// Load reads the application in dir. The diagnostics are everything that there is to say, in order of position, failures
// included; when there are failures the error is an *Error that holds them, and the App is nil. Files are read, node and git
// may be run, and opts.Resolver may be asked; nothing is written. Several Loads may run at once.
func Load(ctx context.Context, dir string, opts Options) (*App, []Diagnostic, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	ds := &diagnostics{}
	cfg, file, err := readConfig(abs, opts.File)
	if err != nil {
		ds.addErr(Pos{}, err)
		return nil, ds.sorted(), ds.err()
	}
	if opts.AccountID == "" {
		opts.AccountID = "000000000000"
	}
	opts.Env = withDotenv(abs, cfg, opts)
	r := newVariables(ctx, abs, opts, cfg)
	resolved, err := r.whole(cfg, 0)
	if err != nil {
		ds.addErr(cfg.Pos, err)
		return nil, ds.sorted(), ds.err()
	}
	app := newApp(abs, file, resolved, opts)
	app.Refers = slices.Sorted(maps.Keys(r.refers))
	app.compileInto(ds)
	app.Warnings = ds.sorted()
	if err := ds.err(); err != nil {
		return nil, app.Warnings, err
	}
	return app, app.Warnings, nil
}

// readConfig finds and parses the configuration.
func readConfig(dir, name string) (*Value, string, error) {
	names := configNames
	if name != "" {
		names = []string{name}
	}
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(dir, n))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, "", failure(Pos{File: n}, "", "%v", err)
		}
		cfg, err := parseYAML(n, data)
		return cfg, n, err
	}
	for _, other := range []string{"serverless.ts", "serverless.js"} {
		if _, err := os.Stat(filepath.Join(dir, other)); err == nil {
			return nil, "", failure(Pos{File: other}, "write serverless.yml", "a configuration in JavaScript or TypeScript is not supported")
		}
	}
	return nil, "", failure(Pos{File: names[0]}, "", "not found in %s", dir)
}

// compileInto compiles without artifacts, and fills what the App tells of itself.
func (a *App) compileInto(ds *diagnostics) {
	c := newCompiler(a.config.Clone(), a.opts, nil)
	c.reportPlugins()
	c.checkKeys()
	c.run()
	ds.list = append(ds.list, c.list...)
	if ds.err() != nil {
		return
	}
	a.describe(c)
	if a.opts.NoFiles {
		return
	}
	for _, d := range a.checkHandlers(c) {
		ds.add(d.Severity, d.Pos, d.Hint, d.Message)
	}
}
