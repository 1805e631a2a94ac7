package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// publish makes a version of what is unpublished; when nothing has changed since the last version, it gives that one. The caller saves fn.
func (r *lambdaRoom) publish(tx store.Tx, f ref, fn *function, description *string) (*build, error) {
	print, err := fn.Latest.print()
	if err != nil {
		return nil, err
	}
	if fn.Next > 1 {
		var last build
		ok, err := load(tx, versionKey(f, fn.Next-1), &last)
		if err != nil {
			return nil, err
		}
		if ok && (last.Tag == fn.Latest.Tag || last.Print == print) {
			return &last, nil
		}
	}
	if s := fn.Latest.Config.SnapStart; s != nil && str(s.ApplyOn) == snapVersions {
		return nil, errSnapStart()
	}
	number := strconv.FormatInt(fn.Next, 10)
	v := fn.Latest
	v.Print, v.Config.Version = print, &number
	v.Config.FunctionArn = new(ref{Scope: f.Scope, name: f.name, qualifier: number}.qualified().String())
	v.Config.RevisionId = new(r.d.IDs.UUID())
	set(&v.Config.Description, description)
	fn.Next++
	fn.Latest.Config.RevisionId = new(r.d.IDs.UUID()) // publishing is a revision of what is unpublished, too
	return &v, save(tx, versionKey(f, fn.Next-1), &v)
}

// print identifies what a version would be made of: code and configuration, without what changes by itself.
func (b *build) print() (string, error) {
	c := b.Config
	c.LastModified, c.RevisionId, c.RuntimeVersionConfig = nil, nil, nil
	text, err := json.Marshal(&c)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

func errPublishTo(operation string) error {
	return cloud.NotImplementedf("%s: PublishTo is not implemented on this platform: it belongs to capacity providers.", operation)
}

func (r *lambdaRoom) publishVersion(ctx context.Context, in *api.PublishVersionInput) (*api.PublishVersionOutput, error) {
	if in.PublishTo != nil {
		return nil, errPublishTo("PublishVersion")
	}
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	f := p.ref
	full := r.hasRoom(ctx, f.Scope, val(p.main.Config.CodeSize, 0))
	var out api.FunctionConfiguration
	made := false
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		before := fn.Next
		if err := fn.Latest.revision(in.RevisionId); err != nil {
			return err
		}
		if in.CodeSha256 != nil && *in.CodeSha256 != str(fn.Latest.Config.CodeSha256) {
			return errParameter("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, str(fn.Latest.Config.CodeSha256))
		}
		v, err := r.publish(tx, f, fn, in.Description)
		if err != nil {
			return err
		}
		out, made = v.Config, fn.Next > before
		if made {
			return full
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if made {
		r.storage.add(f.Scope, val(out.CodeSize, 0))
	}
	return (*api.PublishVersionOutput)(&out), nil
}

func (r *lambdaRoom) listVersions(ctx context.Context, in *api.ListVersionsByFunctionInput) (*api.ListVersionsByFunctionOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var all []api.FunctionConfiguration
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		fn, err := read(rd, f)
		if err != nil {
			return err
		}
		c := fn.Latest.Config
		c.FunctionArn = new(ref{Scope: f.Scope, name: f.name, qualifier: latest}.qualified().String())
		all = append(all, listed(c))
		return each(rd, key(f.Scope, "version").Str(f.name), func(b build) (bool, error) { all = append(all, listed(b.Config)); return true, nil })
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListVersionsByFunctionOutput{Versions: page, NextMarker: next}, err
}
