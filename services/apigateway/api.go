package apigateway

import (
	"context"
	"maps"
	"strings"

	api "sundog/api/apigatewayv2"
	"sundog/cloud"
	"sundog/engine/store"
)

func (r *gatewayRoom) createAPI(ctx context.Context, in *api.CreateApiInput) (*api.CreateApiOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	a := ref{sc, strings.ToLower(r.d.IDs.Alnum(10))}
	switch {
	case text(in.ProtocolType) == "WEBSOCKET":
		return nil, cloud.NotImplementedf("WebSocket APIs are not served by this platform.")
	case text(in.ProtocolType) != "HTTP":
		return nil, errBad("Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]")
	case text(in.Name) == "":
		return nil, errBad("Name must be specified")
	case in.Target != nil || in.RouteKey != nil || in.CredentialsArn != nil:
		return nil, cloud.NotImplementedf("Quick create (Target, RouteKey, CredentialsArn of CreateApi) is not served by this platform; create route and integration.")
	}
	d, err := documentOf(in)
	if err != nil {
		return nil, err
	}
	if err := checkAPI(d); err != nil {
		return nil, err
	}
	fill := map[string]any{
		"ApiId": a.API, "ApiEndpoint": r.url(ctx, a.API), "CreatedDate": r.d.Clock.Now().UTC(), "ApiKeySelectionExpression": "$request.header.x-api-key",
		"RouteSelectionExpression": "$request.method $request.path", "IpAddressType": "ipv4",
	}
	for k, v := range fill {
		if _, ok := d[k]; !ok {
			if err := d.set(k, v); err != nil {
				return nil, err
			}
		}
	}
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.Put(listKey(sc).Str(a.API), nil); err != nil {
			return err
		}
		return write(tx, a.key(kindAPI), d)
	})
	if err != nil {
		return nil, err
	}
	out := &api.CreateApiOutput{}
	return out, d.into(out)
}

// url is where an API answers on this platform: the plain form, by path on the host that the client used.
func (r *gatewayRoom) url(ctx context.Context, id string) string {
	return cloud.CallFrom(ctx).Endpoint + pathPrefix + id
}

func checkAPI(d document) error {
	var api api.Api
	if err := d.into(&api); err != nil {
		return err
	}
	if c := api.CorsConfiguration; c != nil && c.AllowCredentials != nil && *c.AllowCredentials {
		for _, o := range c.AllowOrigins {
			if o == "*" {
				return errBad("allowCredentials is not supported when allowOrigin is *")
			}
		}
	}
	return nil
}

func (r *gatewayRoom) getAPI(ctx context.Context, in *api.GetApiInput) (*api.GetApiOutput, error) {
	out := &api.GetApiOutput{}
	return out, r.fetch(ctx, r.ref(ctx, in.ApiId), kindAPI, text(in.ApiId), out)
}

func (r *gatewayRoom) getAPIs(ctx context.Context, _ *api.GetApisInput) (*api.GetApisOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	out := &api.GetApisOutput{Items: []api.Api{}}
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		prefix := listKey(sc)
		it := rd.Scan(store.Prefix(prefix))
		defer func() { _ = it.Close() }()
		for it.Next() {
			id, _, err := store.CutStr(it.Key()[len(prefix):])
			if err != nil {
				return err
			}
			d, err := thing(rd, ref{sc, id}, kindAPI, id)
			if err != nil {
				return err
			}
			var item api.Api
			if err := d.into(&item); err != nil {
				return err
			}
			out.Items = append(out.Items, item)
		}
		return it.Err()
	})
	return out, err
}

func (r *gatewayRoom) updateAPI(ctx context.Context, in *api.UpdateApiInput) (*api.UpdateApiOutput, error) {
	if in.Target != nil || in.RouteKey != nil || in.CredentialsArn != nil {
		return nil, cloud.NotImplementedf("Target, RouteKey and CredentialsArn of UpdateApi are not served by this platform.")
	}
	out := &api.UpdateApiOutput{}
	return out, r.update(ctx, r.ref(ctx, in.ApiId), kindAPI, text(in.ApiId), in, checkAPI, out)
}

func (r *gatewayRoom) deleteAPI(ctx context.Context, in *api.DeleteApiInput) (*api.DeleteApiOutput, error) {
	a := r.ref(ctx, in.ApiId)
	return &api.DeleteApiOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := thing(tx, a, kindAPI, a.API); err != nil {
			return err
		}
		for _, kind := range []string{kindRoute, kindIntegration, kindStage, kindAuthorizer, kindAPI} {
			k := a.key(kind)
			if err := tx.DeleteRange(k, k.End()); err != nil {
				return err
			}
		}
		tx.AfterCommit(func(store.Stamp) { r.fronts.forget(a) })
		return tx.Delete(listKey(a.Scope).Str(a.API))
	})
}

func (r *gatewayRoom) deleteCORS(ctx context.Context, in *api.DeleteCorsConfigurationInput) (*api.DeleteCorsConfigurationOutput, error) {
	var out api.UpdateApiOutput
	drop := func(d document) error { delete(d, "CorsConfiguration"); return nil }
	return &api.DeleteCorsConfigurationOutput{}, r.update(ctx, r.ref(ctx, in.ApiId), kindAPI, text(in.ApiId), struct{}{}, drop, &out)
}

// tagged finds the thing that a tag operation's ARN names: arn:aws:apigateway:REGION::/apis/ID or .../stages/NAME.
func (r *gatewayRoom) tagged(ctx context.Context, arn *string) (a ref, kind, id string, err error) {
	p, perr := cloud.ParseARN(text(arn))
	parts := strings.Split(strings.Trim(p.Resource, "/"), "/")
	if perr != nil || p.Service != "apigateway" || len(parts) < 2 || parts[0] != "apis" {
		return a, "", "", errBad("Invalid resource ARN %q", text(arn))
	}
	a = ref{cloud.CallFrom(ctx).Scope, parts[1]}
	if len(parts) == 4 && parts[2] == "stages" {
		return a, kindStage, parts[3], nil
	}
	return a, kindAPI, parts[1], nil
}

func (r *gatewayRoom) getTags(ctx context.Context, in *api.GetTagsInput) (*api.GetTagsOutput, error) {
	a, kind, id, err := r.tagged(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.GetTagsOutput{}
	return out, r.fetch(ctx, a, kind, id, out)
}

func (r *gatewayRoom) changeTags(ctx context.Context, arn *string, fn func(map[string]string)) error {
	a, kind, id, err := r.tagged(ctx, arn)
	if err != nil {
		return err
	}
	var out struct{}
	return r.update(ctx, a, kind, id, struct{}{}, func(d document) error {
		var have struct{ Tags map[string]string }
		if err := d.into(&have); err != nil {
			return err
		}
		tags := map[string]string{}
		maps.Copy(tags, have.Tags)
		fn(tags)
		return d.set("Tags", tags)
	}, &out)
}

func (r *gatewayRoom) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, r.changeTags(ctx, in.ResourceArn, func(t map[string]string) { maps.Copy(t, in.Tags) })
}

func (r *gatewayRoom) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, r.changeTags(ctx, in.ResourceArn, func(t map[string]string) {
		for _, k := range in.TagKeys {
			delete(t, k)
		}
	})
}
