package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute/computetest"
	"sundog/services/room"
	"sundog/services/servicetest"
)

// templates opens the room with a gateway behind its resource types.
func templates(t *testing.T, prepare ...func(*servicetest.Kit)) (*bench, *gateway, *machine) {
	m, g := &machine{}, &gateway{}
	g.others = func(service, op string, _ json.RawMessage) (cloud.Reply, error) {
		return cloud.Reply{}, cloud.NotImplementedf("%s:%s", service, op)
	}
	b := open(t, append(prepare, m.on(nil), func(k *servicetest.Kit) { k.Deps.Caller = g })...)
	g.rm = room.Room{Operations: b.r.operations()}
	return b, g, m
}

func (b *bench) typ(name string) room.ResourceType {
	b.t.Helper()
	for _, x := range b.r.resources() {
		if x.Type == "AWS::Lambda::"+name {
			return x
		}
	}
	b.t.Fatalf("no %s", name)
	return room.ResourceType{}
}

func props(t testing.TB, text string) room.Props {
	t.Helper()
	var p room.Props
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// put creates a resource, or updates it when it has a physical id.
func (b *bench) put(kind, physical, before, after string) room.Result {
	b.t.Helper()
	x := b.typ(kind)
	req := room.Request{StackName: "s", LogicalID: kind, Physical: physical, New: props(b.t, after), Token: "abcdef", Tags: map[string]string{"stack": "s"}}
	for name := range req.New {
		if _, ok := x.NoEffect[name]; !ok && !strings.Contains(fmt.Sprint(x.Properties), name) {
			b.t.Fatalf("%s has no %s", kind, name)
		}
	}
	do := x.Create
	if physical != "" {
		req.Old, do = props(b.t, before), x.Update
	}
	res, err := do(b.ctx, req)
	if err != nil {
		b.t.Fatalf("%s: %v", kind, err)
	}
	for _, a := range x.Attributes {
		if res.Attributes[a] == nil {
			b.t.Fatalf("%s gave no %s", kind, a)
		}
	}
	return res
}

func (b *bench) remove(kind, physical, before string) {
	b.t.Helper()
	for range 2 { // what is gone is no error
		if err := b.typ(kind).Delete(b.ctx, room.Request{StackName: "s", LogicalID: kind, Physical: physical, Old: props(b.t, before), Token: "abcdef"}); err != nil {
			b.t.Fatalf("%s: %v", kind, err)
		}
	}
}

const functionTemplate = `{"FunctionName":"f","Runtime":"nodejs20.x","Handler":"index.h","Role":"` + role + `","Timeout":"7","Code":{"ZipFile":"exports.h = 1"},
	"Environment":{"Variables":{"N":1,"B":true}},"Tags":[{"Key":"a","Value":"1"}],"VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}%s}`

func TestFunctionResource(t *testing.T) {
	b, _, _ := templates(t)
	first := fmt.Sprintf(functionTemplate, `,"ReservedConcurrentExecutions":"5"`)
	res := b.put("Function", "", "", first)
	out, err := b.r.getFunction(b.ctx, &api.GetFunctionInput{FunctionName: new("f")})
	if err != nil || res.Physical != "f" || *out.Configuration.Timeout != 7 || fmt.Sprint(out.Tags) != "map[a:1 stack:s]" || *out.Concurrency.ReservedConcurrentExecutions != 5 ||
		fmt.Sprint(out.Configuration.Environment.Variables) != "map[B:true N:1]" || out.Configuration.VpcConfig.SubnetIds[0] != "subnet-1" {
		t.Fatalf("%+v %v", out, err)
	}
	second := `{"FunctionName":"f","Runtime":"nodejs20.x","Handler":"index.h","Role":"` + role + `","Code":{"ZipFile":"exports.h = 2"}}`
	b.put("Function", "f", first, second)
	after, err := b.r.getFunction(b.ctx, &api.GetFunctionInput{FunctionName: new("f")})
	if err != nil || *after.Configuration.Timeout != 3 || fmt.Sprint(after.Tags) != "map[stack:s]" || after.Concurrency != nil || *after.Configuration.CodeSha256 == *out.Configuration.CodeSha256 {
		t.Fatalf("%+v %v", after, err)
	}
	b.remove("Function", "f", second)
	named := b.put("Function", "", "", strings.Replace(second, `"FunctionName":"f",`, "", 1))
	if !strings.HasPrefix(named.Physical, "s-Function-") {
		t.Fatal(named)
	}
}

func TestVersionAliasAndURLResources(t *testing.T) {
	b, g, m := templates(t)
	b.put("Function", "", "", fmt.Sprintf(functionTemplate, ""))
	v := b.put("Version", "", "", `{"FunctionName":"f","Description":"d","ProvisionedConcurrencyConfig":{"ProvisionedConcurrentExecutions":"2"}}`)
	if v.Attributes["Version"] != "1" {
		t.Fatal(v)
	}
	total := 0
	for _, n := range m.ensured {
		total += n
	}
	if total != 2 {
		t.Fatal(m.ensured)
	}
	if _, err := b.r.deleteProvisioned(b.ctx, &api.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("1")}); err != nil {
		t.Fatal(err) // an alias of a version that has some can have none
	}
	one := `{"FunctionName":"f","Name":"live","FunctionVersion":"1"}`
	a := b.put("Alias", "", "", one)
	two := `{"FunctionName":"f","Name":"live","FunctionVersion":"1","ProvisionedConcurrencyConfig":{"ProvisionedConcurrentExecutions":1}}`
	if again := b.put("Alias", a.Physical, one, two); again.Physical != a.Physical {
		t.Fatal(again)
	}
	b.put("Alias", a.Physical, two, one)
	if l, err := b.r.listProvisioned(b.ctx, &api.ListProvisionedConcurrencyConfigsInput{FunctionName: new("f")}); err != nil || len(l.ProvisionedConcurrencyConfigs) != 0 {
		t.Fatal(l, err)
	}
	open := `{"TargetFunctionArn":"f","Qualifier":"live","AuthType":"NONE","Cors":{"AllowOrigins":["*"],"MaxAge":5}}`
	u := b.put("Url", "", "", open)
	if at, ok := u.Attributes["FunctionUrl"].(string); !ok || b.get("GET", at, nobody, nil, "").Code != 200 {
		t.Fatal(u)
	}
	b.put("Url", u.Physical, open, `{"TargetFunctionArn":"f","Qualifier":"live","AuthType":"AWS_IAM","InvokeMode":"RESPONSE_STREAM"}`)
	if c, err := b.r.getURL(b.ctx, &api.GetFunctionUrlConfigInput{FunctionName: new("f"), Qualifier: new("live")}); err != nil || *c.AuthType != authIAM || c.Cors != nil && c.Cors.AllowOrigins != nil || *c.InvokeMode != streaming {
		t.Fatalf("%+v %v", c, err)
	}
	b.remove("Url", u.Physical, open)
	b.remove("Alias", a.Physical, one)
	b.remove("Version", v.Physical, `{"FunctionName":"f"}`)
	if len(g.log()) == 0 {
		t.Fatal("nothing went through the gateway")
	}
}

func TestSmallResources(t *testing.T) {
	q := newQueue()
	b, _, _ := templates(t, withQueue(q), func(k *servicetest.Kit) {})
	b.put("Function", "", "", fmt.Sprintf(functionTemplate, ""))
	p := b.put("Permission", "", "", `{"FunctionName":"f","Action":"lambda:InvokeFunction","Principal":"sns.amazonaws.com","SourceArn":"arn:aws:sns:eu-west-1:000000000000:t"}`)
	if pol, err := b.r.getPolicy(b.ctx, &api.GetPolicyInput{FunctionName: new("f")}); err != nil || !strings.Contains(*pol.Policy, p.Physical) {
		t.Fatal(pol, err)
	}
	b.remove("Permission", p.Physical, `{"FunctionName":"f"}`)
	one := `{"FunctionName":"f","EventSourceArn":"` + queueARN.String() + `","BatchSize":"1","Enabled":"true","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"x\"]}"}]}}`
	e := b.put("EventSourceMapping", "", "", one)
	two := `{"FunctionName":"f","EventSourceArn":"` + queueARN.String() + `","BatchSize":3}`
	b.put("EventSourceMapping", e.Physical, one, two)
	if x, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: &e.Physical}); err != nil || *x.BatchSize != 3 || x.FilterCriteria != nil || *x.State != "Enabled" {
		t.Fatalf("%+v %v", x, err)
	}
	q.send("y")
	computetest.Eventually(t, "a batch", func() bool { return q.state() == "r-y | " })
	b.remove("EventSourceMapping", e.Physical, two)
	c := b.put("EventInvokeConfig", "", "", `{"FunctionName":"f","Qualifier":"$LATEST","MaximumRetryAttempts":"1"}`)
	if x, err := b.r.getEventConfig(b.ctx, &api.GetFunctionEventInvokeConfigInput{FunctionName: new("f")}); err != nil || *x.MaximumRetryAttempts != 1 {
		t.Fatal(x, err)
	}
	b.remove("EventInvokeConfig", c.Physical, `{}`)
}

// TestCodeFromBucket takes packages of a function and a layer from S3, as the caller.
func TestCodeFromBucket(t *testing.T) {
	b, g, _ := templates(t)
	pack := zipped(t, map[string]string{"index.js": "1"})
	g.others = func(service, op string, in json.RawMessage) (cloud.Reply, error) {
		if !strings.Contains(string(in), `"Key":"k.zip"`) {
			return cloud.Reply{}, cloud.Errorf(cloud.NotFound, "NoSuchKey", "The specified key does not exist.")
		}
		return cloud.Reply{Out: json.RawMessage("{}"), Body: io.NopCloser(bytes.NewReader(pack))}, nil
	}
	l := b.put("LayerVersion", "", "", `{"LayerName":"l","Content":{"S3Bucket":"b","S3Key":"k.zip"},"CompatibleRuntimes":["nodejs20.x"]}`)
	b.put("LayerVersionPermission", "", "", `{"LayerVersionArn":"`+l.Physical+`","Action":"lambda:GetLayerVersion","Principal":"*"}`)
	in := `{"FunctionName":"f","Runtime":"nodejs20.x","Handler":"index.h","Role":"` + role + `","Layers":["` + l.Physical + `"],"Code":{"S3Bucket":"b","S3Key":"k.zip","S3ObjectVersion":"v7"}}`
	b.put("Function", "", "", in)
	b.answers("f", "1", "1")
	if log := strings.Join(g.log(), "\n"); !strings.Contains(log, `s3:GetObject {"Bucket":"b","Key":"k.zip","VersionId":"v7"}`) {
		t.Fatal(log)
	}
	_, err := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), S3Bucket: new("b"), S3Key: new("none")})
	wantError(t, err, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
	b.remove("LayerVersion", l.Physical, `{}`)
}

// A version that was published already is another resource's as well: it goes with the last of them.
func TestVersionOfTwoResources(t *testing.T) {
	b, _, _ := templates(t)
	b.create("f", "1")
	x := b.typ("Version")
	request := func(id, physical string) room.Request {
		return room.Request{StackName: "s", StackID: "stack/s/1", LogicalID: id, Physical: physical, New: props(t, `{"FunctionName":"f"}`), Old: props(t, `{"FunctionName":"f"}`)}
	}
	var made []string
	for _, id := range []string{"A", "B", "B"} { // the last one runs again after a crash
		res, err := x.Create(b.ctx, request(id, ""))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, res.Physical)
	}
	if made[0] != made[1] || made[1] != made[2] {
		t.Fatal(made)
	}
	there := func() bool {
		_, err := b.r.getConfiguration(b.ctx, &api.GetFunctionConfigurationInput{FunctionName: &made[0]})
		return err == nil
	}
	for _, step := range []struct {
		id   string
		left bool
	}{{"A", true}, {"A", true}, {"B", false}, {"B", false}} {
		if err := x.Delete(b.ctx, request(step.id, made[0])); err != nil || there() != step.left {
			t.Fatal(step, err, there())
		}
	}
}
