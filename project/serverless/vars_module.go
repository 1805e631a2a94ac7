package serverless

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

//go:embed module.mjs
var moduleRunner string

const (
	moduleTimeout   = 30 * time.Second
	maxModuleOutput = 8 << 20
)

// module runs a JavaScript file in node and gives what it exports, or what an exported function returns. The function gets
// {options, resolveVariable, resolveConfigurationProperty}, as the framework's does.
func (r *variables) module(full, address string, at Pos) (*Value, error) {
	key := full
	doc, ok := r.files[key]
	if !ok {
		if r.loads++; r.loads > maxFileLoads {
			return nil, failure(at, "", "more than %d files are referred to", maxFileLoads)
		}
		var err error
		if doc, err = r.runModule(full, address, at); err != nil {
			return nil, err
		}
	}
	if doc.Kind == Map && doc.Get("\x00whole") != nil { // the address named a function of the module: its value is the answer
		return doc.Get("\x00whole"), nil
	}
	r.files[key] = doc
	return r.dig(doc, address)
}

func (r *variables) runModule(full, address string, at Pos) (*Value, error) {
	node := r.opts.Node
	if node == "" {
		node = "node"
	}
	if _, err := exec.LookPath(node); err != nil {
		return nil, failure(at, "install Node.js, or write the values in YAML", "%s needs node, which is not on the PATH", r.display(full))
	}
	ctx, cancel := context.WithTimeout(r.ctx, moduleTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--input-type=module", "-e", moduleRunner)
	cmd.Dir = r.dir
	options := r.option("")
	cmd.Env = append(os.Environ(), "SUNDOG_MODULE="+full, "SUNDOG_ADDRESS="+address, "SUNDOG_OPTIONS="+options.JSON())
	var stderr bytes.Buffer
	cmd.Stderr = &limitedWriter{to: &stderr, left: 64 << 10}
	answer, err := r.converse(cmd, at)
	if ctx.Err() != nil {
		return nil, failure(at, "", "%s did not end within %s", r.display(full), moduleTimeout)
	}
	if err != nil {
		if detail := strings.TrimSpace(stderr.String()); detail != "" {
			err = fmt.Errorf("%w: %s", err, clip(detail, 2000))
		}
		return nil, failure(at, "", "%s: %v", r.display(full), err)
	}
	return answer, nil
}

// moduleMessage is one line that the runner writes to its file 3: a question, the result, or an error.
type moduleMessage struct {
	Ask      string          `json:"ask"`      // "variable" or "property"
	Argument string          `json:"argument"` // of the question
	Result   json.RawMessage `json:"result"`
	Whole    bool            `json:"whole"` // the result is the value of the address
	Error    string          `json:"error"`
	Done     bool            `json:"done"`
}

// converse runs the module, answering its questions, until it has a result.
func (r *variables) converse(cmd *exec.Cmd, at Pos) (*Value, error) {
	fromRead, fromWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer fromRead.Close()
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		fromWrite.Close()
		return nil, err
	}
	defer toWrite.Close()
	cmd.ExtraFiles = []*os.File{fromWrite, toRead}
	err = cmd.Start()
	fromWrite.Close()
	toRead.Close()
	if err != nil {
		return nil, err
	}
	answer, err := r.answer(fromRead, toWrite, at)
	toWrite.Close()
	if err != nil && cmd.Process != nil {
		if killErr := cmd.Process.Kill(); killErr != nil && !errors.Is(killErr, os.ErrProcessDone) {
			err = errors.Join(err, killErr)
		}
	}
	if waitErr := cmd.Wait(); err == nil && waitErr != nil {
		err = waitErr
	}
	return answer, err
}

func (r *variables) answer(from io.Reader, to io.Writer, at Pos) (*Value, error) {
	lines := bufio.NewReader(io.LimitReader(from, maxModuleOutput))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, errors.New("the module ended without a value")
		}
		var m moduleMessage
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("unreadable answer: %w", err)
		}
		switch {
		case m.Error != "":
			return nil, errors.New(m.Error)
		case m.Done:
			if len(m.Result) == 0 {
				m.Result = []byte("null")
			}
			v, err := fromJSON(m.Result, at)
			if err == nil && m.Whole {
				v = object("\x00whole", v)
			}
			return v, err
		}
		if _, err := to.Write(r.reply(m, at)); err != nil {
			return nil, err
		}
	}
}

func (r *variables) reply(m moduleMessage, at Pos) []byte {
	var v *Value
	var err error
	switch m.Ask {
	case "variable":
		v, err = r.resolve(&Value{Kind: String, Text: "${" + m.Argument + "}", Pos: at})
	case "property":
		if v, err = r.dig(r.root, m.Argument); err == nil && v != nil {
			v, err = r.whole(v, 0)
		}
	default:
		err = fmt.Errorf("unknown question %q", m.Ask)
	}
	out := object()
	if err != nil {
		out.Set("error", str(err.Error()))
	} else {
		out.Set("value", orValue(v, null()))
	}
	return []byte(out.JSON() + "\n")
}

// limitedWriter keeps the beginning of what is written.
type limitedWriter struct {
	to   io.Writer
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n > 0 {
		if _, err := w.to.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
