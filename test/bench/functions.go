package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sundog/api/apigatewayv2"
	"sundog/api/lambda"
)

// language is one kind of function: the same handler in each.
type language struct {
	name, runtime, handler, file, text string
	bare                               []string // starts the interpreter and does nothing; nil: there is none
	own                                string   // a variable that has a function start in a process of its own
}

const nodeHandler = `exports.handler = async () => ({ statusCode: 200, body: 'hello' })`

var languages = []language{
	{"node", "nodejs20.x", "index.handler", "index.js", nodeHandler, []string{"node", "-e", "0"}, "NODE_OPTIONS=--preserve-symlinks"},
	{"python", "python3.12", "index.handler", "index.py", "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n", []string{"python3", "-c", "0"}, "PYTHONPATH=/var/task"},
	{"go", "provided.al2023", "bootstrap", "bootstrap", "", nil, ""},
}

const callers = 16 // connections for the rate of invocations

func warmAPI(name string) string  { return "invoke " + name + ", warm, Invoke API" }
func warmHTTP(name string) string { return "invoke " + name + ", warm, HTTP API" }

// functions measures invocations. They do not depend on the durability mode, so one is enough.
func (b *bench) functions(all []*platform) error {
	b.table.note("Access to a page of memory on this machine: %s of nobody's touching it.", idleMemory())
	p := all[0]
	role, err := p.role()
	if err != nil {
		return err
	}
	for _, l := range languages {
		if err := b.language(p, l, role); err != nil {
			b.table.put(warmAPI(l.name), p.mode, "failed")
			b.table.note("%s: %v", l.name, err)
		}
	}
	return nil
}

func (b *bench) language(p *platform, l language, role string) error {
	code, err := b.code(l)
	if err != nil {
		return err
	}
	names := []string{"bench-" + l.name, "bench-" + l.name + "-2"}
	for _, n := range names {
		if _, err := call[lambda.CreateFunctionOutput](p, lambda.CreateFunctionOp, &lambda.CreateFunctionInput{FunctionName: &n, Runtime: &l.runtime,
			Handler: &l.handler, Role: &role, Code: &lambda.FunctionCode{ZipFile: code}, MemorySize: new(int32(256)), Timeout: new(int32(6))}); err != nil {
			return err
		}
		if err := invoke(p, n); err != nil {
			return err
		}
	}
	request, err := p.request(lambda.InvokeOp, &lambda.InvokeInput{FunctionName: &names[0], Payload: []byte(`{"key": "value"}`)}, nil)
	if err != nil {
		return err
	}
	b.warm(warmAPI(l.name), p, request)
	path, err := httpAPI(p, names[0])
	if err != nil {
		return err
	}
	request = get(p.address, path)
	b.warm(warmHTTP(l.name), p, request)
	if l.name == "node" {
		b.pace(paceRow(l.name), p, request)
	}
	return b.cold(p, l, names)
}

// warm measures invocations of a function that is up: as many as go, then the time that one takes alone.
func (b *bench) warm(what string, p *platform, request []byte) {
	before := spentBy(p.process.Process.Pid)
	all := load(p.address, [][]byte{request}, callers, b.duration)
	cost := spentBy(p.process.Process.Pid).since(before)
	alone := load(p.address, [][]byte{request}, 1, b.duration/3)
	b.table.put(what, p.mode, "%s; alone p50 %s, p99 %s; %s", all, short(alone.p50), short(alone.p99), cost.each(all.count))
}

func get(address, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\nAccept: */*\r\n\r\n")
}

func invoke(p *platform, name string) error {
	out, err := call[lambda.InvokeOutput](p, lambda.InvokeOp, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{}`)})
	if err == nil && out.FunctionError != nil {
		err = fmt.Errorf("%s: %s", name, out.Payload)
	}
	return err
}

// bareStart measures an interpreter that does nothing, behind shims, after the same pause as the first invocations: on some machines memory that nobody has
// touched for a moment is slow.
func bareStart(argv []string) (time.Duration, error) {
	if argv[0] == "python3" {
		out, err := exec.Command(argv[0], "-c", "import sys; print(sys.executable)").Output()
		if err != nil {
			return 0, err
		}
		argv = append([]string{strings.TrimSpace(string(out))}, argv[1:]...)
	}
	var all []time.Duration
	for range coldTries {
		time.Sleep(settle)
		start := time.Now()
		if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
			return 0, fmt.Errorf("%v: %w", argv, err)
		}
		all = append(all, time.Since(start))
	}
	return median(all), nil
}

// code gives a function's archive. The Go function is built from testdata/function, which has a module of its own.
func (b *bench) code(l language) ([]byte, error) {
	content := []byte(l.text)
	if l.text == "" {
		path := filepath.Join(b.scratch, l.file)
		build := exec.CommandContext(context.Background(), "go", "build", "-C", "test/bench/testdata/function", "-ldflags", "-s -w", "-o", path, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the function: %w\n%s", err, out)
		}
		var err error
		if content, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: l.file, Method: zip.Deflate}
	h.SetMode(0o755)
	f, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// httpAPI makes an HTTP API before a function and gives the path of its route on the platform's endpoint.
func httpAPI(p *platform, function string) (string, error) {
	api, err := call[apigatewayv2.CreateApiOutput](p, apigatewayv2.CreateApiOp, &apigatewayv2.CreateApiInput{Name: &function, ProtocolType: new("HTTP")})
	if err != nil {
		return "", err
	}
	arn := "arn:aws:lambda:" + region + ":000000000000:function:" + function
	integration, err := call[apigatewayv2.CreateIntegrationOutput](p, apigatewayv2.CreateIntegrationOp, &apigatewayv2.CreateIntegrationInput{
		ApiId: api.ApiId, IntegrationType: new("AWS_PROXY"), IntegrationUri: &arn, PayloadFormatVersion: new("2.0")})
	if err != nil {
		return "", err
	}
	if _, err := call[apigatewayv2.CreateRouteOutput](p, apigatewayv2.CreateRouteOp, &apigatewayv2.CreateRouteInput{
		ApiId: api.ApiId, RouteKey: new("GET /hello"), Target: new("integrations/" + *integration.IntegrationId)}); err != nil {
		return "", err
	}
	if _, err := call[apigatewayv2.CreateStageOutput](p, apigatewayv2.CreateStageOp, &apigatewayv2.CreateStageInput{
		ApiId: api.ApiId, StageName: new("$default"), AutoDeploy: new(true)}); err != nil {
		return "", err
	}
	_, err = call[lambda.AddPermissionOutput](p, lambda.AddPermissionOp, &lambda.AddPermissionInput{FunctionName: &function, StatementId: new("api"),
		Action: new("lambda:InvokeFunction"), Principal: new("apigateway.amazonaws.com")})
	return "/_aws/execute-api/" + *api.ApiId + "/hello", err
}
