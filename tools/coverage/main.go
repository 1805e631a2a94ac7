// Command coverage writes docs/coverage.md from the rooms themselves: every operation of every served API, served or not, and every resource
// type with the properties that are applied and those that have no effect here. The README's summary, between its two marks, is written too.
//
//	go run ./tools/coverage          write
//	go run ./tools/coverage -check   fail when something is out of date; write nothing
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"sundog/app"
	"sundog/services/room"
)

func main() {
	check := flag.Bool("check", false, "compare, write nothing")
	root := flag.String("root", ".", "the folder of go.mod")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	rooms, err := load()
	if err != nil {
		return err
	}
	c, err := survey(rooms)
	if err != nil {
		return err
	}
	readme := filepath.Join(root, "README.md")
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	summary, err := between(old, c.summary())
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	for path, text := range map[string][]byte{filepath.Join(root, "docs", "coverage.md"): c.page(), readme: summary} {
		if err := put(path, text, check); err != nil {
			return err
		}
	}
	return nil
}

// load gives the rooms of a platform that keeps nothing.
func load() ([]room.Room, error) {
	p, err := app.Open(context.Background(), app.Options{Durability: app.Memory, Listen: "127.0.0.1:0", Spares: -1})
	if err != nil {
		return nil, err
	}
	return p.House.Rooms, p.Close()
}

// put writes a file, or with check tells that it is out of date.
func put(path string, text []byte, check bool) error {
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if bytes.Equal(old, text) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is out of date; run: go run ./tools/coverage", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// The marks in README.md between which the summary stands.
const (
	begin = "<!-- coverage: written by tools/coverage -->\n"
	end   = "<!-- end of coverage -->\n"
)

// between puts text between the marks.
func between(file []byte, text string) ([]byte, error) {
	head, rest, ok := bytes.Cut(file, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("the marks %q and %q are not there", begin, end)
	}
	return bytes.Join([][]byte{head, []byte(begin), []byte(text), []byte(end), tail}, nil), nil
}
