// Command bench measures a platform and prints one table: start, memory, size, rates of single operations, invocations and workflows, in both
// durability modes, with the budgets of ARCHITECTURE.md, and with other tools where they do the same on the same machine in the same run.
// There is no pass or fail: load generator and platform share the machine, so figures are to be read as ratios.
//
//	go run ./test/bench -sundog bin/sundog [-only sqs,sns] [-time 3s] [-backlog 10000000] [-cache DIR] [-peers=false]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	binary   string
	duration time.Duration // of each measurement of a rate
	cache    string
	scratch  string
	only     []string // parts; empty: all
	backlog  int      // messages of the full queue
	table    table
}

// parts are what can be measured by itself, in the order of the table.
var parts = []string{"process", "dynamodb", "s3", "sqs", "sns", "backlog", "polls", "functions", "many", "workflows"}

func (b *bench) wants(part ...string) bool {
	return len(b.only) == 0 || slices.ContainsFunc(part, func(p string) bool { return slices.Contains(b.only, p) })
}

func main() {
	var b bench
	peers := flag.Bool("peers", true, "measure other tools too (installed by npm, mvn and pip into the cache folder at the first run)")
	only := flag.String("only", "", "the parts to measure, separated by commas; default: all of "+strings.Join(parts, ","))
	flag.IntVar(&b.backlog, "backlog", 10_000_000, "messages of the full queue")
	flag.StringVar(&b.binary, "sundog", "bin/sundog", "the binary")
	flag.DurationVar(&b.duration, "time", 3*time.Second, "how long each rate is measured")
	flag.StringVar(&b.cache, "cache", "", "where other tools are installed; default: the user's cache folder")
	flag.Parse()
	for part := range strings.SplitSeq(*only, ",") {
		if part != "" && !slices.Contains(parts, part) {
			fmt.Fprintf(os.Stderr, "bench: there is no part %q, only %s\n", part, strings.Join(parts, ", "))
			os.Exit(2)
		}
		if part != "" {
			b.only = append(b.only, part)
		}
	}
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
	if peers {
		b.peers()
	}
	b.table.print(os.Stdout, b.duration)
	return nil
}

// platforms measures what a platform does: the same thing in one durability mode and then in the other, so that a machine that is busy for a
// while is busy for both. What fails is in the notes.
func (b *bench) platforms() error {
	all, stop, err := b.both()
	defer stop()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		wanted  bool
		measure func([]*platform) error
	}{
		{b.wants("dynamodb", "s3"), b.operations},
		{b.wants("sqs"), b.queues},
		{b.wants("sns"), b.fanOut},
		{b.wants("functions"), b.functions},
		{b.wants("workflows"), b.workflows},
	} {
		if part.wanted {
			b.try(part.measure(all))
		}
	}
	stop()
	if b.wants("polls") {
		b.try(b.polls())
	}
	if b.wants("many") {
		b.try(b.many())
	}
	if b.wants("backlog") {
		b.try(b.fullQueue())
	}
	return nil
}

// both starts a platform in each durability mode; stop may be called twice.
func (b *bench) both() (all []*platform, stop func(), err error) {
	stop = func() {
		for _, p := range all {
			p.stop()
		}
		all = nil
	}
	for _, mode := range modes {
		p, err := b.serve(mode)
		if err != nil {
			return all, stop, fmt.Errorf("%s: %w", mode, err)
		}
		all = append(all, p)
	}
	return all, stop, nil
}

// try notes what a part failed with; the others are measured all the same.
func (b *bench) try(err error) {
	if err != nil {
		b.table.note("%v", err)
		progress("%v", err)
	}
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
