package lambda

import (
	"context"
	"slices"
	"strconv"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
	"sundog/lang/policydoc"
	"sundog/services/room"
)

// layer is one version of a layer.
type layer struct {
	Name, Description, Created, License string
	Number                              int64
	Blob, Hash                          string
	Size                                int64
	Architectures, Runtimes             []string
	Policy                              policyRecord
	Gone                                bool // deleted: functions that have it keep it
}

var layerVersionARN = pattern.New(`^arn:[a-zA-Z0-9-]+:lambda:([a-zA-Z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+):([0-9]+)$`)

// layerNamed reads a layer's name, or its ARN, which may be another account's.
func layerNamed(ctx context.Context, text *string) (sc cloud.Scope, name string) {
	sc, name = cloud.CallFrom(ctx).Scope, str(text)
	if a, err := cloud.ParseARN(name); err == nil {
		_, name, _ = strings.Cut(a.Resource, ":")
		sc = a.Scope()
	}
	return sc, name
}

func layerARN(sc cloud.Scope, name string) cloud.ARN { return cloud.NewARN(service, sc, "layer:"+name) }

func layerKey(sc cloud.Scope, name string, n int64) []byte {
	return key(sc, "layer").Str(name).U64(uint64(n))
}

// layerVersionOf is the ARN of a layer's version.
func layerVersionOf(sc cloud.Scope, name string, n int64) cloud.ARN {
	return layerARN(sc, name+":"+strconv.FormatInt(n, 10))
}

func (l *layer) arn(sc cloud.Scope) string { return layerVersionOf(sc, l.Name, l.Number).String() }

func layerTagsKey(sc cloud.Scope, name string) []byte { return key(sc, "layertags").Str(name) }

// readLayerTags gives the tags of a layer; its error says that the layer has no version.
func readLayerTags(rd store.Reader, sc cloud.Scope, name string) (*map[string]string, error) {
	there := false
	err := each(rd, key(sc, "layer").Str(name), func(l layer) (bool, error) { there = !l.Gone; return !there, nil })
	if err != nil || !there {
		return nil, orElse(err, errLayerNotFound())
	}
	var tags map[string]string
	_, err = load(rd, layerTagsKey(sc, name), &tags)
	return &tags, err
}

func errNoLayer(sc cloud.Scope, name string, n int64) error {
	return errNotFound("Layer version %s:%d does not exist.", layerARN(sc, name), n)
}

func readLayer(rd store.Reader, sc cloud.Scope, name string, n int64) (*layer, error) {
	var l layer
	ok, err := load(rd, layerKey(sc, name, n), &l)
	if err == nil && (!ok || l.Gone) {
		err = errNoLayer(sc, name, n)
	}
	return &l, err
}

func (r *lambdaRoom) publishLayer(ctx context.Context, in *api.PublishLayerVersionInput) (*api.PublishLayerVersionOutput, error) {
	sc, name, err := layerInRegion(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	content := val(in.Content, api.LayerVersionContentInput{}) // without one, fetch says what is missing
	if str(content.S3ObjectStorageMode) == "REFERENCE" {
		return nil, cloud.NotImplementedf("PublishLayerVersion: S3ObjectStorageMode REFERENCE is not implemented on this platform: packages are copied.")
	}
	p, err := r.fetch(ctx, source{zip: content.ZipFile, bucket: content.S3Bucket, key: content.S3Key, version: content.S3ObjectVersion})
	if err != nil {
		return nil, err
	}
	l := layer{
		Name: name, Description: str(in.Description), Created: r.stamp(), License: str(in.LicenseInfo), Blob: p.blob, Hash: p.hash, Size: p.size,
		Architectures: in.CompatibleArchitectures, Runtimes: in.CompatibleRuntimes,
	}
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		last := key(sc, "layers").Str(name)
		l.Number = 0
		if _, err := load(tx, last, &l.Number); err != nil {
			return err
		}
		l.Number++
		if err := save(tx, last, l.Number); err != nil {
			return err
		}
		return save(tx, layerKey(sc, name, l.Number), &l)
	})
	if err != nil {
		r.sweep(ctx, p.build())
		return nil, err
	}
	r.storage.add(sc, l.Size)
	return (*api.PublishLayerVersionOutput)(r.layerShape(ctx, sc, &l)), nil
}

func (l *layer) shape(sc cloud.Scope) *api.GetLayerVersionOutput {
	out := &api.GetLayerVersionOutput{
		Content:  &api.LayerVersionContentOutput{CodeSha256: &l.Hash, CodeSize: &l.Size},
		LayerArn: new(layerARN(sc, l.Name).String()), LayerVersionArn: new(l.arn(sc)), Description: &l.Description, CreatedDate: &l.Created,
		Version: &l.Number, CompatibleArchitectures: l.Architectures, CompatibleRuntimes: l.Runtimes,
	}
	if l.License != "" {
		out.LicenseInfo = &l.License
	}
	return out
}

// layerShape shows a layer version with where its package can be read.
func (r *lambdaRoom) layerShape(ctx context.Context, sc cloud.Scope, l *layer) *api.GetLayerVersionOutput {
	out := l.shape(sc)
	out.Content.Location = r.codeLocation(ctx, l.Blob)
	return out
}

func (l *layer) item(sc cloud.Scope) api.LayerVersionsListItem {
	s := l.shape(sc)
	return api.LayerVersionsListItem{
		LayerVersionArn: s.LayerVersionArn, Version: s.Version, Description: s.Description, CreatedDate: s.CreatedDate,
		CompatibleArchitectures: s.CompatibleArchitectures, CompatibleRuntimes: s.CompatibleRuntimes, LicenseInfo: s.LicenseInfo,
	}
}

func (r *lambdaRoom) layer(ctx context.Context, sc cloud.Scope, name string, n int64) (l *layer, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error { l, err = readLayer(rd, sc, name, n); return err })
	return l, err
}

func errLayerNotFound() error { return errNotFound("The resource you requested does not exist.") }

// layerInRegion is the scope and the name of a layer that an operation names. One of another region is not there.
func layerInRegion(ctx context.Context, text *string) (sc cloud.Scope, name string, err error) {
	if sc, name = layerNamed(ctx, text); sc.Region != cloud.CallFrom(ctx).Scope.Region {
		err = errLayerNotFound()
	}
	return sc, name, err
}

// layerVersion is the scope, the name and the number of a layer's version that an operation names.
func layerVersion(ctx context.Context, text *string, number *int64) (sc cloud.Scope, name string, n int64, err error) {
	sc, name, err = layerInRegion(ctx, text)
	if n = val(number, 0); n < 1 {
		err = errParameter("Layer Version Cannot be less than 1")
	}
	return sc, name, n, err
}

func (r *lambdaRoom) getLayer(ctx context.Context, in *api.GetLayerVersionInput) (*api.GetLayerVersionOutput, error) {
	sc, name, n, err := layerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	l, err := r.layer(ctx, sc, name, n)
	if err != nil {
		return nil, orLayer(err)
	}
	return r.layerShape(ctx, sc, l), nil
}

func orLayer(err error) error {
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return errLayerNotFound()
	}
	return err
}

func (r *lambdaRoom) getLayerByARN(ctx context.Context, in *api.GetLayerVersionByArnInput) (*api.GetLayerVersionByArnOutput, error) {
	sc, name, n, err := parseLayerARN(str(in.Arn))
	if err == nil && sc.Region != cloud.CallFrom(ctx).Scope.Region {
		return nil, errLayerNotFound()
	}
	if err != nil {
		return nil, errValidation("Value '%s' at 'arn' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)", str(in.Arn))
	}
	l, err := r.layer(ctx, sc, name, n)
	if err != nil {
		return nil, orLayer(err)
	}
	return (*api.GetLayerVersionByArnOutput)(r.layerShape(ctx, sc, l)), nil
}

func parseLayerARN(s string) (sc cloud.Scope, name string, n int64, err error) {
	m := layerVersionARN.FindStringSubmatch(s)
	if m == nil {
		return sc, "", 0, errParameter("Layer version ARN is malformed: %s", s)
	}
	n, err = parseNumber(m[4])
	return cloud.Scope{Account: m[2], Region: m[1]}, m[3], n, err
}

// deleteLayer hides a version: functions that have it keep it, as on Lambda. It is removed when none has it.
func (r *lambdaRoom) deleteLayer(ctx context.Context, in *api.DeleteLayerVersionInput) (*api.DeleteLayerVersionOutput, error) {
	err := r.editLayer(ctx, in.LayerName, in.VersionNumber, func(l *layer) error { l.Gone, l.Policy = true, policyRecord{}; return nil })
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return &api.DeleteLayerVersionOutput{}, nil
	}
	if err == nil {
		r.sweep(ctx)
	}
	return &api.DeleteLayerVersionOutput{}, err
}

func (r *lambdaRoom) editLayer(ctx context.Context, name *string, number *int64, edit func(*layer) error) error {
	sc, layer, n, err := layerVersion(ctx, name, number)
	if err != nil {
		return err
	}
	defer r.policies.Forget(layerVersionOf(sc, layer, n))
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		l, err := readLayer(tx, sc, layer, n)
		if err != nil {
			return err
		}
		if err := edit(l); err != nil {
			return err
		}
		if err := save(tx, layerKey(sc, l.Name, l.Number), l); err != nil || !l.Gone {
			return err
		}
		if _, err := readLayerTags(tx, sc, l.Name); cloud.IsCode(err, "ResourceNotFoundException") {
			return tx.Delete(layerTagsKey(sc, l.Name)) // it was the last version
		}
		return nil
	})
}

func (r *lambdaRoom) layerList(ctx context.Context, prefix []byte, runtime, architecture *string) (all []*layer, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, prefix, func(l layer) (bool, error) {
			if !l.Gone && fits(l.Runtimes, runtime) && fits(l.Architectures, architecture) {
				all = append(all, &l)
			}
			return true, nil
		})
	})
	return all, err
}

func fits(list []string, want *string) bool { return want == nil || slices.Contains(list, *want) }

func (r *lambdaRoom) listLayerVersions(ctx context.Context, in *api.ListLayerVersionsInput) (*api.ListLayerVersionsOutput, error) {
	sc, name, err := layerInRegion(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	found, err := r.layerList(ctx, key(sc, "layer").Str(name), in.CompatibleRuntime, in.CompatibleArchitecture)
	if err != nil {
		return nil, err
	}
	all := []api.LayerVersionsListItem{}
	for _, l := range slices.Backward(found) { // the newest first
		all = append(all, l.item(sc))
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListLayerVersionsOutput{LayerVersions: page, NextMarker: next}, err
}

func (r *lambdaRoom) listLayers(ctx context.Context, in *api.ListLayersInput) (*api.ListLayersOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	found, err := r.layerList(ctx, key(sc, "layer"), in.CompatibleRuntime, in.CompatibleArchitecture)
	if err != nil {
		return nil, err
	}
	all := []api.LayersListItem{}
	for i, l := range found {
		if i+1 < len(found) && found[i+1].Name == l.Name {
			continue // not the newest
		}
		all = append(all, api.LayersListItem{LayerName: &l.Name, LayerArn: new(layerARN(sc, l.Name).String()), LatestMatchingVersion: new(l.item(sc))})
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListLayersOutput{Layers: page, NextMarker: next}, err
}

// resolveLayers checks a function's layers.
func (r *lambdaRoom) resolveLayers(ctx context.Context, f ref, arns []string) ([]api.Layer, error) {
	if len(arns) > 5 {
		return nil, errParameter("Cannot reference more than 5 layers.")
	}
	seen := map[string]string{}
	var all []api.Layer
	for _, text := range arns {
		sc, name, n, err := parseLayerARN(text)
		if err != nil {
			return nil, errValidation("Value '[%s]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+), Member must not be null]", strings.Join(arns, ", "))
		}
		if sc.Region != f.Region {
			return nil, errParameter("Layers are not in the same region as the function. Layers are expected to be in region %s.", f.Region)
		}
		if other, ok := seen[layerARN(sc, name).String()]; ok {
			return nil, errParameter("Two different versions of the same layer are not allowed to be referenced in the same function. %s and %s are versions of the same layer.", other, text)
		}
		seen[layerARN(sc, name).String()] = text
		if sc.Account != f.Account { // one that is not there cannot be told from one that is not given
			if err := r.mayUseLayer(ctx, layerVersionOf(sc, name, n)); err != nil {
				return nil, err
			}
		}
		l, err := r.layer(ctx, sc, name, n)
		if cloud.IsCode(err, "ResourceNotFoundException") {
			return nil, errParameter("Layer version %s does not exist.", text)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, api.Layer{Arn: new(text), CodeSize: &l.Size})
	}
	return all, nil
}

// mayUseLayer checks that another account's layer lets the caller have it.
func (r *lambdaRoom) mayUseLayer(ctx context.Context, version cloud.ARN) error {
	err := r.d.Bus.Permit(ctx, cloud.CallFrom(ctx).Principal, version, "lambda:GetLayerVersion")
	if e := cloud.AsError(err); err != nil && e.Kind == cloud.Denied {
		return cloud.Errorf(cloud.Denied, "AccessDeniedException", "%s", e.Message)
	}
	return err
}

// layerDirs gives the unpacked folders of a function's layers, deleted ones too. They stay until release, which is never nil.
func (r *lambdaRoom) layerDirs(ctx context.Context, layers []api.Layer) (dirs []string, release func(), err error) {
	var all []func()
	release = func() {
		for _, f := range all {
			f()
		}
	}
	for _, x := range layers {
		sc, name, n, err := parseLayerARN(str(x.Arn))
		if err != nil {
			return nil, release, err
		}
		var l layer
		if err := r.d.Store.View(ctx, func(rd store.Reader) error { _, err := load(rd, layerKey(sc, name, n), &l); return err }); err != nil {
			return nil, release, err
		}
		dir, done, err := r.codeDir(ctx, l.Blob, l.Hash)
		all = append(all, done)
		if err != nil {
			return nil, release, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, release, nil
}

func (r *lambdaRoom) addLayerPermission(ctx context.Context, in *api.AddLayerVersionPermissionInput) (*api.AddLayerVersionPermissionOutput, error) {
	sc, _ := layerNamed(ctx, in.LayerName)
	out := &api.AddLayerVersionPermissionOutput{}
	err := r.editLayer(ctx, in.LayerName, in.VersionNumber, func(l *layer) error {
		st := statement{Sid: str(in.StatementId), Effect: "Allow", Principal: principalOf(str(in.Principal)), Action: str(in.Action), Resource: l.arn(sc)}
		if in.OrganizationId != nil {
			st.Condition = map[string]map[string]string{"StringEquals": {"aws:PrincipalOrgID": *in.OrganizationId}}
		}
		return r.editLayerPolicy(l, in.RevisionId, func(doc *room.Statements) error {
			if doc.Find(st.Sid) >= 0 {
				return errConflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
			}
			if err := doc.Add(st); err != nil {
				return err
			}
			out.Statement = new(string(doc.Statement[len(doc.Statement)-1]))
			return nil
		}, &out.RevisionId)
	})
	return out, err
}

func (r *lambdaRoom) editLayerPolicy(l *layer, revision *string, edit func(*room.Statements) error, next **string) error {
	if err := l.Policy.revision(revision, "GetLayerPolicy"); err != nil {
		return err
	}
	doc, err := room.ParseStatements(l.Policy.Text)
	if err != nil {
		return err
	}
	if doc.Version == "" {
		doc.Version, doc.ID = "2012-10-17", "default"
	}
	if err := edit(&doc); err != nil {
		return err
	}
	l.Policy = policyRecord{}
	if len(doc.Statement) > 0 {
		if l.Policy.Text, err = doc.Text(); err == nil {
			err = checkPolicySize(l.Policy.Text)
		}
		if err != nil {
			return err
		}
		l.Policy.Revision = r.d.IDs.UUID()
	}
	*next = &l.Policy.Revision
	return nil
}

func (r *lambdaRoom) removeLayerPermission(ctx context.Context, in *api.RemoveLayerVersionPermissionInput) (*api.RemoveLayerVersionPermissionOutput, error) {
	var revision *string
	return &api.RemoveLayerVersionPermissionOutput{}, r.editLayer(ctx, in.LayerName, in.VersionNumber, func(l *layer) error {
		return r.editLayerPolicy(l, in.RevisionId, func(doc *room.Statements) error {
			i := doc.Find(str(in.StatementId))
			if i < 0 {
				return errNotFound("Statement %s is not found in resource policy.", str(in.StatementId))
			}
			doc.Remove(i)
			return nil
		}, &revision)
	})
}

func (r *lambdaRoom) getLayerPolicy(ctx context.Context, in *api.GetLayerVersionPolicyInput) (*api.GetLayerVersionPolicyOutput, error) {
	sc, name, n, err := layerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	l, err := r.layer(ctx, sc, name, n)
	if err != nil {
		return nil, err
	}
	if l.Policy.Text == "" {
		return nil, errNotFound("No policy is associated with the given resource.")
	}
	return &api.GetLayerVersionPolicyOutput{Policy: &l.Policy.Text, RevisionId: &l.Policy.Revision}, nil
}

// readLayerPolicy reads the policy of a layer's version; nil when there is none.
func (r *lambdaRoom) readLayerPolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	sc, name, n, err := parseLayerARN(a.String())
	if err != nil {
		return nil, nil // a layer as a whole has none
	}
	l, err := r.layer(ctx, sc, name, n)
	if err != nil || l.Policy.Text == "" {
		return nil, err
	}
	return policydoc.Parse(l.Policy.Text, policydoc.Resource)
}
