package lambda

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// urlConfig is a function URL. Urls belong to a function or an alias: function.URLs has them by qualifier, "" for the function itself.
type urlConfig struct {
	ID, Auth, Mode    string
	Cors              *api.Cors
	Created, Modified string
}

// urlTarget is where a URL's id leads.
type urlTarget struct{ Account, Region, Name, Qualifier string }

// urlKey finds a URL by its id alone, for requests come without an account.
func urlKey(id string) []byte {
	return store.K(store.ShardOf(service, "url", id), service, "url").Str(id)
}

// The values of AuthType and InvokeMode.
const (
	authNone  = "NONE"
	authIAM   = "AWS_IAM"
	buffered  = "BUFFERED"
	streaming = "RESPONSE_STREAM"
)

const urlStamp = "2006-01-02T15:04:05.000000Z"

func errNoURL() error { return errNotFound("The resource you requested does not exist.") }

// shape shows a URL: it points at the host that the client used.
func (u *urlConfig) shape(ctx context.Context, f ref) api.FunctionUrlConfig {
	return api.FunctionUrlConfig{
		FunctionUrl: new(cloud.CallFrom(ctx).Endpoint + urlPrefix + u.ID + "/"), FunctionArn: new(f.qualified().String()), AuthType: &u.Auth, Cors: u.Cors,
		InvokeMode: &u.Mode, CreationTime: &u.Created, LastModifiedTime: &u.Modified,
	}
}

// urlRef reads what a URL operation names: a function or an alias, never a version.
func (r *lambdaRoom) urlRef(ctx context.Context, name, qualifier *string) (ref, error) {
	f, err := parseRef(ctx, name, qualifier)
	if err != nil {
		return f, err
	}
	if digits.MatchString(f.qualifier) || f.qualifier == latest {
		return f, errValidation(`Value '%s' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`, f.qualifier)
	}
	return f, nil
}

func (r *lambdaRoom) createURL(ctx context.Context, in *api.CreateFunctionUrlConfigInput) (*api.CreateFunctionUrlConfigOutput, error) {
	f, err := r.urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	now := r.d.Clock.Now().UTC().Format(urlStamp)
	u := urlConfig{ID: r.d.IDs.Hex(16), Auth: str(in.AuthType), Mode: val(in.InvokeMode, buffered), Cors: in.Cors, Created: now, Modified: now}
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		if _, _, _, err := find(tx, f); err != nil {
			return err
		}
		if _, ok := fn.URLs[f.qualifier]; ok {
			return errConflict("Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", f.qualified())
		}
		if fn.URLs == nil {
			fn.URLs = map[string]urlConfig{}
		}
		fn.URLs[f.qualifier] = u
		return save(tx, urlKey(u.ID), urlTarget{f.Account, f.Region, f.name, f.qualifier})
	})
	if err != nil {
		if cloud.IsCode(err, "ResourceNotFoundException") {
			err = errNotFound("Function does not exist")
		}
		return nil, err
	}
	s := u.shape(ctx, f)
	return &api.CreateFunctionUrlConfigOutput{
		FunctionUrl: s.FunctionUrl, FunctionArn: s.FunctionArn, AuthType: s.AuthType, Cors: s.Cors, CreationTime: s.CreationTime, InvokeMode: in.InvokeMode,
	}, nil
}

func (r *lambdaRoom) getURL(ctx context.Context, in *api.GetFunctionUrlConfigInput) (*api.GetFunctionUrlConfigOutput, error) {
	f, err := r.urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, ref{Scope: f.Scope, name: f.name})
	if err != nil {
		return nil, orNoURL(err)
	}
	u, ok := p.fn.URLs[f.qualifier]
	if !ok {
		return nil, errNoURL()
	}
	s := u.shape(ctx, f)
	return &api.GetFunctionUrlConfigOutput{
		FunctionUrl: s.FunctionUrl, FunctionArn: s.FunctionArn, AuthType: s.AuthType, Cors: s.Cors, CreationTime: s.CreationTime,
		LastModifiedTime: s.LastModifiedTime, InvokeMode: s.InvokeMode,
	}, nil
}

func orNoURL(err error) error {
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return errNoURL()
	}
	return err
}

func (r *lambdaRoom) updateURL(ctx context.Context, in *api.UpdateFunctionUrlConfigInput) (*api.UpdateFunctionUrlConfigOutput, error) {
	f, err := r.urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var u urlConfig
	err = r.change(ctx, f, func(_ store.Tx, fn *function) error {
		var ok bool
		if u, ok = fn.URLs[f.qualifier]; !ok {
			return errNoURL()
		}
		if in.AuthType != nil {
			u.Auth = *in.AuthType
		}
		if in.InvokeMode != nil {
			u.Mode = *in.InvokeMode
		}
		if in.Cors != nil {
			u.Cors = in.Cors
		}
		u.Modified = r.d.Clock.Now().UTC().Format(urlStamp)
		fn.URLs[f.qualifier] = u
		return nil
	})
	if err != nil {
		return nil, orNoURL(err)
	}
	return urlOutput(u.shape(ctx, f)), nil
}

func urlOutput(s api.FunctionUrlConfig) *api.UpdateFunctionUrlConfigOutput {
	return &api.UpdateFunctionUrlConfigOutput{
		FunctionUrl: s.FunctionUrl, FunctionArn: s.FunctionArn, AuthType: s.AuthType, Cors: s.Cors, CreationTime: s.CreationTime,
		LastModifiedTime: s.LastModifiedTime, InvokeMode: s.InvokeMode,
	}
}

func (r *lambdaRoom) deleteURL(ctx context.Context, in *api.DeleteFunctionUrlConfigInput) (*api.DeleteFunctionUrlConfigOutput, error) {
	f, err := r.urlRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		u, ok := fn.URLs[f.qualifier]
		if !ok {
			return errNoURL()
		}
		delete(fn.URLs, f.qualifier)
		return tx.Delete(urlKey(u.ID))
	})
	return &api.DeleteFunctionUrlConfigOutput{}, orNoURL(err)
}

func (r *lambdaRoom) listURLs(ctx context.Context, in *api.ListFunctionUrlConfigsInput) (*api.ListFunctionUrlConfigsOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f.qualifier = ""
	p, err := r.plan(ctx, f)
	if err != nil {
		if cloud.IsCode(err, "ResourceNotFoundException") {
			err = errNotFound("Function does not exist")
		}
		return nil, err
	}
	all := []api.FunctionUrlConfig{}
	for q, u := range p.fn.URLs {
		all = append(all, u.shape(ctx, ref{Scope: f.Scope, name: f.name, qualifier: q}))
	}
	slices.SortFunc(all, func(a, b api.FunctionUrlConfig) int { return strings.Compare(*a.FunctionArn, *b.FunctionArn) })
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListFunctionUrlConfigsOutput{FunctionUrlConfigs: page, NextMarker: next}, err
}

// urlAt finds a URL by its id; its error says that there is none.
func (r *lambdaRoom) urlAt(ctx context.Context, id string) (f ref, u urlConfig, err error) {
	var t urlTarget
	var found bool
	err = r.d.Store.View(ctx, func(rd store.Reader) error { found, err = load(rd, urlKey(id), &t); return err })
	if err != nil || !found {
		return f, u, orElse(err, errNoURL())
	}
	f = ref{Scope: cloud.Scope{Account: t.Account, Region: t.Region}, name: t.Name, qualifier: t.Qualifier}
	p, err := r.plan(ctx, ref{Scope: f.Scope, name: f.name})
	if err != nil {
		return f, u, err
	}
	if u, found = p.fn.URLs[f.qualifier]; !found {
		return f, u, errNoURL()
	}
	return f, u, nil
}
