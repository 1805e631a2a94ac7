// Command bench measures a platform and prints one table: start, memory, size, rates of single operations, invocations and workflows, in both
// durability modes, with the budgets of ARCHITECTURE.md, and with other tools where they do the same on the same machine in the same run.
// There is no pass or fail: load generator and platform share the machine, so figures are to be read as ratios.
//
//	go run ./test/bench -sundog bin/sundog [-time 3s] [-cache DIR] [-peers=false] [-only functions]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// bench is one run.
type bench struct {
	binary   string
	duration time.Duration // of each measurement of a rate
	cache    string
	scratch  string
	only     string // the part that is measured; "": all
	table    table
}

func main() {
	var b bench
	peers := flag.Bool("peers", true, "measure other tools too (installed by npm into the cache folder at the first run)")
	flag.StringVar(&b.binary, "sundog", "bin/sundog", "the binary")
	flag.DurationVar(&b.duration, "time", 3*time.Second, "how long each rate is measured")
	flag.StringVar(&b.cache, "cache", "", "where other tools are installed; default: the user's cache folder")
	flag.StringVar(&b.only, "only", "", "measure one part: process, operations, functions or workflows; default: all")
	flag.Parse()
	if err := b.run(*peers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// modes are the durability modes, in the order of the columns.
var modes = []string{"relaxed", "sync"}

func (b *bench) run(peers bool) (err error) {
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		b.cache = filepath.Join(dir, "sundog-bench")
	}
	if b.scratch, err = os.MkdirTemp("", "sundog-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.scratch)
	if b.wants("process") {
		if err := b.process(); err != nil {
			return err
		}
	}
	if err := b.platforms(); err != nil {
		return err
	}
	if peers && b.wants("operations") {
		b.dynalite()
	}
	if peers && b.wants("functions") {
		b.offline()
	}
	b.table.print(os.Stdout, b.duration)
	return nil
}

func (b *bench) wants(part string) bool { return b.only == "" || b.only == part }

// platforms measures what a platform does: the same thing in one durability mode and then in the other, so that a machine that is busy for a
// while is busy for both. What fails is in the notes.
func (b *bench) platforms() error {
	var all []*platform
	for _, mode := range modes {
		p, err := b.serve(mode)
		if err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
		defer p.stop()
		all = append(all, p)
	}
	for _, part := range []struct {
		name    string
		measure func([]*platform) error
	}{{"operations", b.operations}, {"functions", b.functions}, {"workflows", b.workflows}} {
		if !b.wants(part.name) {
			continue
		}
		if err := part.measure(all); err != nil {
			b.table.note("%v", err)
			progress("%v", err)
		}
	}
	return nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
