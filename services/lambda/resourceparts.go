package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

// zipOf makes a package with one file.
func zipOf(name, text string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

func (r *lambdaRoom) createVersionResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := pickProps(req.New, "FunctionName", "CodeSha256", "Description")
	var out struct{ FunctionArn, Version string }
	if err := r.d.Do(ctx, service, "PublishVersion", in, &out); err != nil {
		return room.Result{}, err
	}
	res := room.Result{Physical: out.FunctionArn, Attributes: map[string]any{"FunctionArn": out.FunctionArn, "Version": out.Version}}
	if _, err := r.holdVersion(ctx, req, out.FunctionArn, true); err != nil {
		return res, err
	}
	if err := r.manageRuntime(ctx, req, "RuntimePolicy", map[string]any{"FunctionName": req.New.Text("FunctionName"), "Qualifier": out.Version}); err != nil {
		return res, err
	}
	count, err := provisionedCount(req.New)
	if err != nil || count == 0 {
		return res, err
	}
	return res, r.provisionResource(ctx, req.New.Text("FunctionName"), out.Version, count)
}

// holdVersion notes that a resource has a version, or has it no more; alone tells that no other has it.
func (r *lambdaRoom) holdVersion(ctx context.Context, req room.Request, arn string, hold bool) (alone bool, err error) {
	f := refOf(mustARN(arn))
	n, err := parseNumber(f.qualifier)
	if err != nil {
		return true, nil // the deletion says what is wrong with it
	}
	own := req.StackID + "/" + req.LogicalID
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		var b build
		ok, err := load(tx, versionKey(f, n), &b)
		if err != nil || !ok {
			return err
		}
		b.Holders = slices.DeleteFunc(b.Holders, func(who string) bool { return who == own })
		alone = len(b.Holders) == 0
		if hold {
			b.Holders = append(b.Holders, own)
		}
		return save(tx, versionKey(f, n), &b)
	})
	return alone, err
}

func (r *lambdaRoom) deleteVersionResource(ctx context.Context, req room.Request) error {
	if alone, err := r.holdVersion(ctx, req, req.Physical, false); err != nil || !alone {
		return err
	}
	return gone(r.d.Do(ctx, service, "DeleteFunction", map[string]any{"FunctionName": req.Physical}, nil))
}

func (r *lambdaRoom) aliasInput(p room.Props) (map[string]any, error) {
	in := pickProps(p, "FunctionName", "Name", "FunctionVersion", "Description")
	var routing struct {
		AdditionalVersionWeights []struct {
			FunctionVersion string
			FunctionWeight  float64
		}
	}
	if ok, err := p.Get("RoutingConfig", &routing); err != nil || !ok {
		return in, err
	}
	weights := map[string]float64{}
	for _, w := range routing.AdditionalVersionWeights {
		weights[w.FunctionVersion] = w.FunctionWeight
	}
	in["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": weights}
	return in, nil
}

func (r *lambdaRoom) createAliasResource(ctx context.Context, req room.Request) (room.Result, error) {
	return r.aliasResource(ctx, req, "CreateAlias")
}

func (r *lambdaRoom) updateAliasResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("FunctionName", "Name") {
		return r.aliasResource(ctx, req, "CreateAlias")
	}
	if req.Reverts {
		p, err := r.existing(ctx, new(req.New.Text("FunctionName")))
		if err != nil {
			return room.Result{}, err
		}
		if err := r.letGo(ctx, p.ref, true); err != nil {
			return room.Result{}, err
		}
	}
	if canaried(req) && req.Changed("FunctionVersion") && req.New["RoutingConfig"] == nil {
		return room.Result{Physical: req.Physical, Attributes: map[string]any{"AliasArn": req.Physical}}, r.holdAlias(ctx, req)
	}
	return r.aliasResource(ctx, req, "UpdateAlias")
}

func (r *lambdaRoom) aliasResource(ctx context.Context, req room.Request, op string) (room.Result, error) {
	in, err := r.aliasInput(req.New)
	if err != nil {
		return room.Result{}, err
	}
	count, err := provisionedCount(req.New)
	if err != nil {
		return room.Result{}, err
	}
	if op == "UpdateAlias" && in["RoutingConfig"] == nil {
		in["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": map[string]float64{}}
	}
	var out struct{ AliasArn string }
	if err := r.d.Do(ctx, service, op, in, &out); err != nil {
		return room.Result{}, err
	}
	res := room.Result{Physical: out.AliasArn, Attributes: map[string]any{"AliasArn": out.AliasArn}}
	if req.Changed("ProvisionedConcurrencyConfig") {
		return res, r.provisionResource(ctx, req.New.Text("FunctionName"), req.New.Text("Name"), count)
	}
	return res, nil
}

// provisionedCount reads ProvisionedConcurrencyConfig; 0 when it is absent.
func provisionedCount(p room.Props) (int, error) {
	var c map[string]json.RawMessage
	if ok, err := p.Get("ProvisionedConcurrencyConfig", &c); err != nil || !ok {
		return 0, err
	}
	var n int
	return n, json.Unmarshal(scalar("ProvisionedConcurrentExecutions", c["ProvisionedConcurrentExecutions"]), &n)
}

func urlInput(p room.Props) map[string]any {
	in := pickProps(p, "Qualifier", "AuthType", "Cors", "InvokeMode")
	in["FunctionName"] = p.Text("TargetFunctionArn")
	return in
}

func (r *lambdaRoom) createURLResource(ctx context.Context, req room.Request) (room.Result, error) {
	err := r.d.Do(ctx, service, "CreateFunctionUrlConfig", urlInput(req.New), nil)
	if cloud.IsCode(err, "ResourceConflictException") && req.Physical == "" {
		return r.updateURLResource(ctx, req) // the same step ran before
	}
	if err != nil {
		return room.Result{}, err
	}
	return r.urlResult(ctx, req.New)
}

func (r *lambdaRoom) urlResult(ctx context.Context, p room.Props) (room.Result, error) {
	in := map[string]any{"FunctionName": p.Text("TargetFunctionArn")}
	if q := p.Text("Qualifier"); q != "" {
		in["Qualifier"] = q
	}
	var out struct{ FunctionUrl, FunctionArn string }
	err := r.d.Do(ctx, service, "GetFunctionUrlConfig", in, &out)
	return room.Result{Physical: out.FunctionArn, Attributes: map[string]any{"FunctionArn": out.FunctionArn, "FunctionUrl": out.FunctionUrl}}, err
}

func (r *lambdaRoom) updateURLResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Physical != "" && req.Changed("TargetFunctionArn", "Qualifier") {
		return r.createURLResource(ctx, req)
	}
	in := urlInput(req.New)
	for prop, empty := range map[string]any{"Cors": map[string]any{}, "InvokeMode": buffered} {
		if _, had := req.Old[prop]; had && in[prop] == nil {
			in[prop] = empty
		}
	}
	if err := r.d.Do(ctx, service, "UpdateFunctionUrlConfig", in, nil); err != nil {
		return room.Result{}, err
	}
	return r.urlResult(ctx, req.New)
}

func (r *lambdaRoom) deleteURLResource(ctx context.Context, req room.Request) error {
	if req.Physical == "" {
		return nil
	}
	return gone(r.d.Do(ctx, service, "DeleteFunctionUrlConfig", map[string]any{"FunctionName": req.Physical}, nil))
}

func (r *lambdaRoom) deleteAliasResource(ctx context.Context, req room.Request) error {
	a, err := cloud.ParseARN(req.Physical)
	if err != nil {
		return nil // it was never made
	}
	f := refOf(a)
	return gone(r.d.Do(ctx, service, "DeleteAlias", map[string]any{"FunctionName": f.name, "Name": f.qualifier}, nil))
}

func (r *lambdaRoom) createPermissionResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := pickProps(req.New, "Action", "FunctionName", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "PrincipalOrgID")
	id := req.Physical
	if id == "" {
		id = req.Name(100)
	}
	in["StatementId"] = id
	err := r.d.Do(ctx, service, "AddPermission", in, nil)
	if cloud.IsCode(err, "ResourceConflictException") {
		err = nil // the same step ran before: the id is this resource's own
	}
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, err
}

func (r *lambdaRoom) deletePermissionResource(ctx context.Context, req room.Request) error {
	in := map[string]any{"FunctionName": req.Old.Text("FunctionName"), "StatementId": req.Physical}
	return gone(r.d.Do(ctx, service, "RemovePermission", in, nil))
}

func (r *lambdaRoom) putEventResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := pickProps(req.New, "FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
	id := req.New.Text("FunctionName") + "|" + req.New.Text("Qualifier")
	return room.Result{Physical: id}, r.d.Do(ctx, service, "PutFunctionEventInvokeConfig", in, nil)
}

func (r *lambdaRoom) deleteEventResource(ctx context.Context, req room.Request) error {
	name, qualifier, _ := strings.Cut(req.Physical, "|")
	return gone(r.d.Do(ctx, service, "DeleteFunctionEventInvokeConfig", map[string]any{"FunctionName": name, "Qualifier": qualifier}, nil))
}

func (r *lambdaRoom) createLayerResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := pickProps(req.New, "LayerName", "Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo")
	if _, ok := in["LayerName"]; !ok {
		in["LayerName"] = req.Name(140)
	}
	var content map[string]json.RawMessage
	if _, err := req.New.Get("Content", &content); err != nil {
		return room.Result{}, err
	}
	in["Content"] = content
	var out struct{ LayerVersionArn string }
	if err := r.d.Do(ctx, service, "PublishLayerVersion", in, &out); err != nil {
		return room.Result{}, err
	}
	return room.Result{Physical: out.LayerVersionArn, Attributes: map[string]any{"LayerVersionArn": out.LayerVersionArn}}, nil
}

func (r *lambdaRoom) deleteLayerResource(ctx context.Context, req room.Request) error {
	_, name, n, err := parseLayerARN(req.Physical)
	if err != nil {
		return nil // it was never made
	}
	return gone(r.d.Do(ctx, service, "DeleteLayerVersion", map[string]any{"LayerName": name, "VersionNumber": n}, nil))
}

func (r *lambdaRoom) createLayerPermissionResource(ctx context.Context, req room.Request) (room.Result, error) {
	_, name, n, err := parseLayerARN(req.New.Text("LayerVersionArn"))
	if err != nil {
		return room.Result{}, err
	}
	in := pickProps(req.New, "Action", "Principal", "OrganizationId")
	id := req.Name(100)
	in["LayerName"], in["VersionNumber"], in["StatementId"] = name, n, id
	err = r.d.Do(ctx, service, "AddLayerVersionPermission", in, nil)
	if cloud.IsCode(err, "ResourceConflictException") {
		err = nil // the same step ran before
	}
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, err
}

func (r *lambdaRoom) deleteLayerPermissionResource(ctx context.Context, req room.Request) error {
	_, name, n, err := parseLayerARN(req.Old.Text("LayerVersionArn"))
	if err != nil {
		return nil // it was never made
	}
	return gone(r.d.Do(ctx, service, "RemoveLayerVersionPermission", map[string]any{"LayerName": name, "VersionNumber": n, "StatementId": req.Physical}, nil))
}
