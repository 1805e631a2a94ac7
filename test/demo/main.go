// Command demo runs the example applications with the sundog binary, drives them with real requests, shows what happens and checks it.
//
//	go run ./test/demo -sundog bin/sundog
//
// Each application runs in a `sundog dev` of its own, on free ports and an empty data folder. It is told to end by SIGINT. The exit code is 0
// when every check held.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// limit bounds the whole demo, installing of packages included.
const limit = 5 * time.Minute

func main() {
	sundog := flag.String("sundog", "bin/sundog", "the binary")
	examples := flag.String("examples", "examples", "the folder of the examples")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ok := run(ctx, *sundog, *examples)
	cancel()
	if !ok {
		os.Exit(1)
	}
}

// scenario is what the demo does with one application.
type scenario struct {
	dir   string
	about string
	play  func(ctx context.Context, a *application)
}

func run(ctx context.Context, sundog, examples string) bool {
	began := time.Now()
	out := newShow(os.Stdout)
	binary, err := filepath.Abs(sundog)
	if err != nil {
		out.problem(err.Error())
		return false
	}
	scenarios := []scenario{
		{"onboarding", "an HTTP API, a table, a topic, a queue, a bucket, a schedule; functions in Node, Python and Go", onboarding},
		{"orders", "a Step Functions workflow behind an HTTP API", orders},
		{"runtimes", "a runtime in a shell script; an extension that watches a function", runtimes},
	}
	// All start at once; they are shown one after the other.
	starting := make([]chan *application, len(scenarios))
	for i, s := range scenarios {
		starting[i] = make(chan *application, 1)
		go func() { starting[i] <- start(ctx, out, binary, filepath.Join(examples, s.dir)) }()
	}
	for i, s := range scenarios {
		a := <-starting[i]
		out.title(s.dir, s.about)
		a.introduce()
		if a.err == nil {
			attempt(a, func() { s.play(ctx, a) })
		}
		a.stop()
	}
	out.summary(time.Since(began))
	return out.failed == 0
}

// giveUp ends a scenario whose next steps make no sense any more.
type giveUp struct{ err error }

// attempt runs a scenario; one that gives up counts as failed.
func attempt(a *application, play func()) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case giveUp:
			a.out.check(false, fmt.Sprintf("%s: %v", a.name, r.err))
		default:
			panic(r)
		}
	}()
	play()
}
