package crash

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sundog/api/iam"
	"sundog/api/lambda"
)

// handler starts a process of its own, in another process group, and leaves it running.
const handler = `
import subprocess
def handler(event, context):
    subprocess.Popen(["sleep", event["mark"]], start_new_session=True)
    return {"started": event["mark"]}
`

func TestNoFunctionOutlivesThePlatform(t *testing.T) {
	p := newPlatform(t, "relaxed")
	role := must[iam.CreateRoleOutput](p, iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: new("crash"),
		AssumeRolePolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`)})
	must[lambda.CreateFunctionOutput](p, lambda.CreateFunctionOp, &lambda.CreateFunctionInput{
		FunctionName: new("leaver"), Runtime: new("python3.12"), Handler: new("index.handler"), Role: role.Role.Arn,
		Code: &lambda.FunctionCode{ZipFile: archive(t, "index.py", handler)}, Timeout: new(int32(30)),
	})
	mark := fmt.Sprintf("9%d.%d", os.Getpid(), time.Now().UnixNano())
	event, err := json.Marshal(map[string]string{"mark": mark})
	if err != nil {
		t.Fatal(err)
	}
	out := must[lambda.InvokeOutput](p, lambda.InvokeOp, &lambda.InvokeInput{FunctionName: new("leaver"), Payload: event})
	if out.FunctionError != nil {
		t.Fatalf("the function failed: %s", out.Payload)
	}
	// A new process shows its command line a moment after it has begun.
	await(t, func() string {
		if len(processes(t, mark)) == 1 {
			return ""
		}
		return fmt.Sprintf("the function's processes: %v", processes(t, mark))
	})
	all := below(t, p.process.Process.Pid)
	if len(all) < 3 { // an init, the interpreter, and what it started
		t.Fatalf("the platform has only the processes %v", all)
	}
	p.kill()
	await(t, func() string {
		left := append(processes(t, mark), processes(t, p.data)...)
		for pid, begun := range all {
			if _, at := parentOf(pid); at == begun {
				left = append(left, strconv.Itoa(pid))
			}
		}
		if len(left) > 0 {
			return fmt.Sprintf("left behind: %v", left)
		}
		return ""
	})
}

// await waits until wrong gives "", or fails the test with what it gives after 10 s.
func await(t *testing.T, wrong func() string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text := wrong()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
}

// processes gives the command lines of living processes that contain text.
func processes(t *testing.T, text string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range all {
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(text)) {
			out = append(out, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return out
}

// below gives the living processes below another, with when each began.
func below(t *testing.T, root int) map[int]string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	parents, begun := map[int]int{}, map[int]string{}
	for _, path := range all {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil {
			parents[pid], begun[pid] = parentOf(pid)
		}
	}
	found := map[int]string{}
	for pid := range parents {
		for at := parents[pid]; at > 1; at = parents[at] {
			if at == root && begun[pid] != "" {
				found[pid] = begun[pid]
			}
		}
	}
	return found
}

// parentOf gives the parent of a process, and when it began, which tells it from a later one of the same number; 0 and "" when it has ended.
func parentOf(pid int) (parent int, begun string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" {
		return 0, ""
	}
	parent, err = strconv.Atoi(f[1])
	if err != nil {
		return 0, ""
	}
	return parent, f[19]
}

// archive makes a zip archive of one file.
func archive(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
