// Command bootstrap is a custom runtime for the suite: it speaks the Lambda Runtime API by hand.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

type event struct {
	Op    string
	Value json.RawMessage
	Ms    int
	Names []string
}

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"

var count int

func main() {
	if os.Getenv("_HANDLER") == "broken.handler" {
		fmt.Println("before it breaks")
		post("init/error", "", []byte(`{"errorType":"Runtime.ImportModuleError","errorMessage":"nothing to run"}`))
		os.Exit(1)
	}
	for {
		r, err := http.Get(base + "invocation/next")
		if err != nil {
			os.Exit(0)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		var e event
		_ = json.Unmarshal(body, &e)
		serve(r.Header, e)
	}
}

func serve(h http.Header, e event) {
	id := h.Get("Lambda-Runtime-Aws-Request-Id")
	if os.Getenv("_HANDLER") == "main.stream" {
		stream(id)
		return
	}
	if e.Op == "fail" {
		post("invocation/"+id+"/error", "", []byte(`{"errorType":"TypeError","errorMessage":"intended"}`))
		return
	}
	out, err := json.Marshal(run(h, e))
	if err != nil {
		os.Exit(2)
	}
	post("invocation/"+id+"/response", "", out)
}

func run(h http.Header, e event) any {
	switch e.Op {
	case "echo":
		return e.Value
	case "count":
		count++
		return count
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Duration(e.Ms) * time.Millisecond)
		return "slept"
	case "memory":
		var kept [][]byte
		for {
			kept = append(kept, bytes.Repeat([]byte{1}, 8<<20))
		}
	case "env":
		all := map[string]any{}
		for _, n := range e.Names {
			if v, ok := os.LookupEnv(n); ok {
				all[n] = v
			} else {
				all[n] = nil
			}
		}
		return all
	case "log":
		fmt.Println("raw one")
		fmt.Print("raw ")
		fmt.Fprintln(os.Stderr, "two")
		return "logged"
	case "context":
		ms, _ := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
		return map[string]any{
			"id": h.Get("Lambda-Runtime-Aws-Request-Id"), "arn": h.Get("Lambda-Runtime-Invoked-Function-Arn"), "name": os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
			"memory": os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "left": time.Until(time.UnixMilli(ms)) > 0,
		}
	case "child":
		c := exec.Command("sleep", "300")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = c.Start()
		return os.Getenv("MARK")
	case "native":
		c := exec.Command("echo", "from a child")
		c.Stdout = os.Stdout
		_ = c.Run()
		return "done"
	case "cwd":
		d, _ := os.Getwd()
		return d
	}
	return nil
}

func post(path, mode string, body []byte) {
	req, _ := http.NewRequest(http.MethodPost, base+path, bytes.NewReader(body))
	if mode != "" {
		req.Header.Set("Lambda-Runtime-Function-Response-Mode", mode)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		os.Exit(4)
	}
	r.Body.Close()
}

func stream(id string) {
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, "one ")
		_, _ = io.WriteString(w, "two")
		w.Close()
	}()
	req, _ := http.NewRequest(http.MethodPost, base+"invocation/"+id+"/response", r)
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Header.Set("Content-Type", "text/plain")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		os.Exit(4)
	}
	res.Body.Close()
}
