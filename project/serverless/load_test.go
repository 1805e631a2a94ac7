package serverless

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files, by path, into a new folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const head = "service: shop\nprovider:\n  name: aws\n  runtime: nodejs18.x\n"

// said gives the diagnostics, one a line.
func said(ds []Diagnostic) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.Severity.String() + " " + d.String() + "\n")
	}
	return b.String()
}

func noEnv(string) (string, bool) { return "", false }

// resolvedCustom loads a file whose custom section is given and gives that section as JSON, or the error.
func resolvedCustom(t *testing.T, custom string, files map[string]string, opts Options) string {
	t.Helper()
	all := map[string]string{"serverless.yml": head + custom}
	for k, v := range files {
		all[k] = v
	}
	if opts.Env == nil {
		opts.Env = noEnv
	}
	app, _, err := Load(context.Background(), folder(t, all), opts)
	if err != nil {
		return "error " + err.Error()
	}
	return app.config.Get("custom").JSON()
}

type fakeResolver struct{}

func (fakeResolver) SSM(_ context.Context, region, name string) (string, bool, error) {
	return region + name, name != "/none", nil
}
func (fakeResolver) S3(_ context.Context, bucket, key string) (string, bool, error) {
	return bucket + "|" + key, true, nil
}
func (fakeResolver) CF(_ context.Context, region, stack, output string) (string, bool, error) {
	return region + "|" + stack + "|" + output, true, nil
}

func TestVariables(t *testing.T) {
	env := func(n string) (string, bool) { return "from-env", n == "HAVE" }
	files := map[string]string{"a.yml": "x: {y: [1, two]}\nstage: ${sls:stage}\n", "b.json": `{"k": {"n": 3}}`, "t.txt": " text \n", "dev.yml": "v: 9\n"}
	cases := []struct{ name, in, want string }{
		{"literal", "v: ${opt:none, 'x'}", `"x"`},
		{"number keeps its type", "v: ${opt:none, 5}", `5`},
		{"in a text", "v: a-${self:custom.w}-b\n  w: 7", `"a-7-b"`},
		{"fallback chain", "v: ${env:NO, opt:no, self:custom.w}\n  w: last", `"last"`},
		{"nested", "v: ${self:custom.by.${sls:stage}}\n  by: {dev: 1, prod: 2}", `1`},
		{"nested fallback", "v: \"${env:NO, ${env:HAVE, 'z'}}\"", `"from-env"`},
		{"deep through a file", "v: ${self:custom.f.x.y.1}\n  f: ${file(a.yml)}", `"two"`},
		{"file with variables", "v: ${file(./a.yml):stage}", `"dev"`},
		{"json", "v: ${file(b.json):k}", `{"n":3}`},
		{"text file", "v: ${file(t.txt)}", `"text"`},
		{"file by stage", "v: ${file(./${sls:stage}.yml):v}", `9`},
		{"missing file, fallback", "v: ${file(none.yml):x, 'd'}", `"d"`},
		{"missing key of a file, fallback", "v: ${file(a.yml):none, null}", `null`},
		{"aws", "v: ${aws:accountId}-${aws:region}", `"000000000000-us-east-1"`},
		{"param", "v: ${param:p}-${param:q}", `"given-dflt"`},
		{"bool", "v: ${strToBool(${env:NO, 'true'})}", `true`},
		{"cloudformation's own", "v: ${AWS::Region} ${Name.Arn} ${x}", `"${AWS::Region} ${Name.Arn} ${x}"`},
		{"escaped", `v: \${self:custom}`, `"${self:custom}"`},
		{"ssm", "v: ${ssm:/a/b}", `"us-east-1/a/b"`},
		{"ssm region and fallback", "v: ${ssm(eu-west-1):/none, 'f'}", `"f"`},
		{"cf", "v: ${cf(eu-west-1):st.out}", `"eu-west-1|st|out"`},
		{"s3", "v: ${s3:b/k/l}", `"b|k/l"`},
		{"whole map", "v: ${self:custom.m}\n  m: {a: '${sls:stage}'}", `{"a":"dev"}`},
		{"comma in a literal", "v: \"${opt:no, 'a, b'}\"", `"a, b"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opts := Options{Env: env, Params: map[string]string{"p": "given"}, Resolver: fakeResolver{}}
			got := resolvedCustom(t, "params: {default: {q: dflt}}\ncustom:\n  "+c.in+"\n", files, opts)
			if !strings.HasPrefix(got, `{"v":`+c.want) {
				t.Errorf("got %s, want v = %s", got, c.want)
			}
		})
	}
}

func TestVariableErrorsHavePlaces(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"no value", "v: ${opt:none}", "serverless.yml:6:6: cannot resolve ${opt:none}: no value at opt:none"},
		{"cycle", "v: ${self:custom.w}\n  w: ${self:custom.v}", "serverless.yml:6:6: the variable refers to itself: ${self:custom.w} (serverless.yml:6:6) -> ${self:custom.v} (serverless.yml:7:6)"},
		{"unknown source", "v: ${slef:custom}", `serverless.yml:6:6: unknown variable source "slef"; did you mean "self"?`},
		{"bare word", "v: ${opt:a, dev}", `did you mean 'dev'?`},
		{"map in a text", "v: a${self:custom.w}\n  w: {}", "serverless.yml:6:6: ${self:custom.w} is a map and cannot stand inside a text"},
		{"no platform", "v: ${ssm:/x}", "serverless.yml:6:6: ${ssm:/x} needs a running platform"},
		{"broken file", "v: ${file(bad.yml)}", "bad.yml:2:"},
		{"sls", "v: ${sls:stag}", `unknown address sls:stag; did you mean "stage"?`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := resolvedCustom(t, "custom:\n  "+c.in+"\n", map[string]string{"bad.yml": "a: 1\n  b: [\n"}, Options{})
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestJavaScriptFiles(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("the test needs node")
	}
	files := map[string]string{
		"m.js":   "module.exports = {plain: {a: 1}, fn: async ({options, resolveVariable}) => options.stage + '/' + await resolveVariable('self:service')}",
		"f.js":   "module.exports = async ({resolveConfigurationProperty}) => ({name: await resolveConfigurationProperty(['provider', 'name'])})",
		"e.mjs":  "export const value = 5; export default {d: 6};",
		"bad.js": "throw new Error('on purpose')",
	}
	for in, want := range map[string]string{"${file(m.js):plain.a}": `{"v":1}`, "${file(m.js):fn}": `{"v":"qa/shop"}`, "${file(f.js):name}": `{"v":"aws"}`,
		"${file(e.mjs):value}": `{"v":5}`, "${file(bad.js)}": "on purpose", "${file(m.js):none, 'd'}": `{"v":"d"}`} {
		if got := resolvedCustom(t, "custom:\n  v: "+in+"\n", files, Options{Stage: "qa"}); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestDotenv(t *testing.T) {
	files := map[string]string{".env": "A=base\n", ".env.qa": "# comment\nA=\"qa ${B}\"\nexport C='$B' # x\n"}
	env := func(n string) (string, bool) { return "bee", n == "B" }
	got := resolvedCustom(t, "useDotenv: true\ncustom: {a: '${env:A}', c: '${env:C}'}\n", files, Options{Stage: "qa", Env: env})
	if got != `{"a":"qa bee","c":"$B"}` {
		t.Error(got)
	}
	if got := resolvedCustom(t, "useDotenv: true\ncustom: {a: '${env:A}'}\n", files, Options{Env: noEnv}); got != `{"a":"base"}` {
		t.Error(got)
	}
}

// doublings writes keys of which each is twice the one before.
func doublings(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  a%d: ${self:custom.a%d}${self:custom.a%d}\n", i+1, i, i)
	}
	return b.String()
}

func TestDiagnostics(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"unknown key of an event", "functions:\n  f:\n    handler: src/ok.handler\n    events:\n      - sqs:\n          arn: arn:aws:sqs:us-east-1:1:q\n          batchWindow: 5\n",
			`warning serverless.yml:11:11: unknown key "batchWindow" of the sqs event; did you mean "maximumBatchingWindow"?`},
		{"unknown event", "functions:\n  f:\n    handler: src/ok.handler\n    events:\n      - sqss: x\n", `error serverless.yml:9:9: unknown event type "sqss" of function "f"; did you mean "sqs"?`},
		{"missing handler", "functions:\n  f:\n    handler: src/okk.handler\n", "error serverless.yml:7:14: handler file src/okk.js not found; did you mean src/ok.js?"},
		{"no function in the handler", "functions:\n  f:\n    handler: src/ok\n", `error serverless.yml:7:14: the handler "src/ok" must be file.function`},
		{"no handler", "functions:\n  f: {}\n", `error serverless.yml:6:3: the function "f" has no handler`},
		{"TypeScript", "functions:\n  f:\n    handler: src/typed.handler\n", "warning serverless.yml:7:14: handler file src/typed.ts is TypeScript"},
		{"grows", "custom:\n  a0: " + strings.Repeat("x", 200) + "\n" + doublings(20), "the text grows to more than"},
		{"duplicate key", "functions:\n  f: {handler: src/ok.a}\n  f: {handler: src/ok.b}\n", `error serverless.yml:7:3: the key "f" is there twice, first at line 6`},
		{"unknown tag", "custom: !Reff x\n", `error serverless.yml:5:9: unknown tag !Reff; did you mean "Ref"?`},
		{"syntax", "custom: [\n", "error serverless.yml:"},
		{"refused", "functions:\n  f:\n    handler: src/ok.a\n    events:\n      - s3: {bucket: abc, existing: true}\n", "the s3 event with existing: true is not supported"},
		{"refused event", "functions:\n  f:\n    handler: src/ok.a\n    events:\n      - kafka: {}\n", `error serverless.yml:9:9: the event type "kafka" is not supported`},
		{"unknown plugin", "plugins: [serverless-webpackk]\n", `warning serverless.yml:5:11: the plugin "serverless-webpackk" is not known here`},
		{"known plugin", "plugins: [serverless-offline]\n", "note serverless.yml:5:11: plugin serverless-offline: what it does is built in"},
		{"key of a function", "functions:\n  f: {handler: src/ok.a, timeOut: 3}\n", `warning serverless.yml:6:26: unknown key "timeOut" of the function "f"; did you mean "timeout"?`},
		{"state machine with httpApi", "plugins: [serverless-step-functions]\nstepFunctions:\n  stateMachines:\n    m:\n      definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}\n      events:\n        - httpApi: {path: /x, method: get}\n",
			"error serverless.yml:11:11: a state machine takes no httpApi event"},
		{"destination", "functions:\n  first: {handler: src/ok.a}\n  f: {handler: src/ok.a, destinations: {onFailure: frist}}\n", `the destination "frist" is neither a function of this application nor an ARN; did you mean "first"?`},
		{"authorizer", "functions:\n  f:\n    handler: src/ok.a\n    events:\n      - httpApi: {path: /x, method: get, authorizer: nobody}\n", `the authorizer "nobody" is not defined`},
		{"method", "functions:\n  f:\n    handler: src/ok.a\n    events:\n      - httpApi: {path: /x, method: GTE}\n", `unknown HTTP method "GTE"; did you mean "GET"?`},
		{"extension", "resources:\n  extensions: {FLambda: {Properties: {}}}\n", `the extension "FLambda" is for a resource that does not exist`},
		{"provider", "package: {paterns: []}\n", `unknown key "paterns" of package; did you mean "patterns"?`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, ds, _ := Load(context.Background(), folder(t, map[string]string{"serverless.yml": head + c.in, "src/ok.js": "", "src/typed.ts": ""}), Options{Env: noEnv})
			if got := said(ds); !strings.Contains(got, c.want) {
				t.Errorf("got:\n%swant: %s", got, c.want)
			}
		})
	}
}

func TestRenderShowsTheLine(t *testing.T) {
	dir := folder(t, map[string]string{"serverless.yml": head})
	d := Diagnostic{Pos: Pos{File: "serverless.yml", Line: 3, Column: 9}, Severity: Warning, Message: "m", Hint: "h"}
	want := "warning: serverless.yml:3:9: m; h\n    3 |   name: aws\n      |         ^\n"
	if got := d.Render(dir); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMissingConfiguration(t *testing.T) {
	_, ds, err := Load(context.Background(), t.TempDir(), Options{})
	if err == nil || !strings.Contains(said(ds), "serverless.yml: not found in") {
		t.Errorf("%v %s", err, said(ds))
	}
}

const shop = head + `functions:
  pay:
    handler: a.pay
    environment: {TOPIC: 'arn:aws:sns:us-east-1:000000000000:orders'}
    events:
      - sqs: arn:aws:sqs:us-east-1:000000000000:paymentz
      - stream: arn:aws:dynamodb:us-east-1:000000000000:table/known/stream/2020
resources:
  Resources:
    Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: payments}}
    T: {Type: 'AWS::DynamoDB::Table', Properties: {TableName: known}}
`

func TestReferencedARNs(t *testing.T) {
	app, _, err := Load(context.Background(), folder(t, map[string]string{"serverless.yml": shop, "a.js": ""}), Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range app.ReferencedARNs() {
		got = append(got, strings.Join([]string{r.Pos.String(), string(r.Use), r.Kind, r.Name, r.Nearest}, "|"))
	}
	want := "serverless.yml:8:26|environment|sns topic|orders|\nserverless.yml:10:14|event source|sqs queue|paymentz|payments"
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

func TestVersionsHashCodeAndConfiguration(t *testing.T) {
	ids := func(text, sha string) string {
		app, _, err := Load(context.Background(), folder(t, map[string]string{"serverless.yml": text, "a.js": ""}), Options{Env: noEnv})
		if err != nil {
			t.Fatal(err)
		}
		data, err := app.Template(map[string]Artifact{"shop": {S3Key: "k/" + sha, SHA256: sha}})
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Resources map[string]struct{ Type string }
		}
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		for id, r := range v.Resources {
			if r.Type == "AWS::Lambda::Version" {
				return id
			}
		}
		t.Fatal("no version")
		return ""
	}
	first := ids(shop, "one")
	if ids(shop, "one") != first {
		t.Error("the id changes without a reason")
	}
	if ids(shop, "two") == first || ids(strings.Replace(shop, "orders", "others", 1), "one") == first {
		t.Error("the id must change with code and configuration")
	}
}

func TestAppDescribesItself(t *testing.T) {
	app, _, err := Load(context.Background(), folder(t, map[string]string{"serverless.yml": shop, "a.js": ""}), Options{Stage: "qa", Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	f := app.Functions[0]
	if app.StackName != "shop-qa" || f.Name != "shop-qa-pay" || f.LogicalID != "PayLambdaFunction" || f.Artifact != "shop" || len(f.Events) != 2 || f.Events[0].Summary != "arn:aws:sqs:us-east-1:000000000000:paymentz" {
		t.Errorf("%+v", app)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(shop)
	f.Add("service: a\nprovider: {name: aws}\nfunctions: {f: {handler: a.b, events: [{http: GET x}, {sns: t}, {schedule: rate(1 hour)}]}}\n")
	f.Add("a: &a [*a]\n")
	f.Add("custom: ${self:custom.${self:custom}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file(") || strings.Contains(text, "git:") {
			return
		}
		app, _, err := Load(context.Background(), folder(t, map[string]string{"serverless.yml": text}), Options{Env: noEnv})
		if err != nil {
			return
		}
		app.ReferencedARNs()
		if _, err := app.Template(nil); err != nil {
			t.Errorf("Load succeeds, Template does not: %v", err)
		}
	})
}
