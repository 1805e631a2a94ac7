package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	installTimeout = 15 * time.Minute
	maxOutput      = 256 << 10
)

// Error is a failure of packaging with its cure.
type Error struct {
	Message string
	Hint    string // what to do; may be empty
	Output  string // the end of what the tool said; may be empty
}

// Error gives message, hint and output.
func (e *Error) Error() string {
	s := e.Message
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	if e.Output != "" {
		s += "\n" + e.Output
	}
	return s
}

// tail keeps the end of what is written.
type tail struct{ buf bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if over := t.buf.Len() + len(p) - maxOutput; over > 0 {
		t.buf.Next(min(over, t.buf.Len()))
		p = p[max(0, len(p)-maxOutput):]
	}
	t.buf.Write(p)
	return n, nil
}

// run runs a tool in dir and gives its output; a failure is an *Error that begins with what was being done.
func run(ctx context.Context, dir, doing string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	text := strings.TrimSpace(out.buf.String())
	switch {
	case err == nil:
		return text, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return text, &Error{Message: fmt.Sprintf("%s: not done within %s", doing, installTimeout), Output: lastLines(text, 15)}
	case ctx.Err() != nil:
		return text, ctx.Err()
	case offline(text):
		return text, &Error{Message: doing + ": the package registry cannot be reached", Hint: "check the connection, or the registry that is configured", Output: lastLines(text, 5)}
	}
	return text, &Error{Message: fmt.Sprintf("%s: %v", doing, err), Output: lastLines(text, 25)}
}

// offline tells whether a tool's output speaks of the network.
func offline(text string) bool {
	for _, s := range []string{"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "Failed to establish a new connection",
		"Temporary failure in name resolution", "no such host", "network is unreachable", "connection refused"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// find gives the path of a tool, or an *Error that says what it is needed for.
func find(name, need, hint string) (string, error) {
	p, err := exec.LookPath(name)
	if err != nil {
		return "", &Error{Message: name + " is not on the PATH; it is needed to " + need, Hint: hint}
	}
	return p, nil
}
