package lambda

import (
	"context"
	"maps"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

const maxTags = 50

// checkTags refuses keys that are the cloud's own.
func checkTags(tags map[string]string) error {
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return errParameter("The tag key %s is invalid: keys that begin with aws: are reserved.", k)
		}
	}
	return nil
}

func errManyTags() error { return errParameter("Number of tags exceeds resource tag limit.") }

// tagged is the row of what a tag operation's ARN names. read gives its tags; write keeps new ones.
type tagged struct {
	f     ref // for functions
	read  func(store.Reader) (map[string]string, error)
	write func(store.Tx, map[string]string) error
}

// taggable finds what a tag operation's ARN names: a function, a layer, an event source mapping or a code signing configuration.
func taggable(ctx context.Context, resource string) (tagged, error) {
	a, err := cloud.ParseARN(resource)
	kind, id, _ := strings.Cut(a.Resource, ":")
	switch region := cloud.CallFrom(ctx).Scope.Region; {
	case err != nil || a.Service != service:
		return tagged{}, errParameter("The resource ARN %s is invalid.", resource)
	case a.Region != region && kind == "function":
		return tagged{}, errOtherRegion(a.Region, region)
	case a.Region != region:
		return tagged{}, errNotFound("The resource you requested does not exist.")
	case kind == "function":
		return taggedFunction(refOf(a))
	case kind == "event-source-mapping":
		get := func(rd store.Reader) (*mapping, error) { return readMapping(rd, a.Scope(), id) }
		return taggedRow(mappingKey(a.Scope(), id), get, func(m *mapping) *map[string]string { return &m.Tags }), nil
	case kind == "layer":
		return taggedRow(layerTagsKey(a.Scope(), id), func(rd store.Reader) (*map[string]string, error) { return readLayerTags(rd, a.Scope(), id) }, func(tags *map[string]string) *map[string]string { return tags }), nil
	case kind == "code-signing-config":
		get := func(rd store.Reader) (*signing, error) { return readSigning(rd, a.Scope(), resource, errNoSigning) }
		return taggedRow(signingKey(a.Scope(), resource), get, func(s *signing) *map[string]string { return &s.Tags }), nil
	}
	return tagged{}, cloud.NotImplementedf("Tags of %s are not implemented on this platform.", a.Resource)
}

func taggedFunction(f ref) (tagged, error) {
	if f.qualifier != "" {
		return tagged{}, errParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	t := taggedRow(functionKey(f), func(rd store.Reader) (*function, error) { return read(rd, f) }, func(fn *function) *map[string]string { return &fn.Tags })
	t.f = f
	return t, nil
}

func taggedRow[T any](k []byte, get func(store.Reader) (*T, error), tags func(*T) *map[string]string) tagged {
	return tagged{
		read: func(rd store.Reader) (map[string]string, error) {
			row, err := get(rd)
			if err != nil {
				return nil, err
			}
			return *tags(row), nil
		},
		write: func(tx store.Tx, all map[string]string) error {
			row, err := get(tx)
			if err != nil {
				return err
			}
			*tags(row) = all
			return save(tx, k, row)
		},
	}
}

// editTags changes the tags of a resource.
func (r *lambdaRoom) editTags(ctx context.Context, resource *string, edit func(map[string]string)) error {
	t, err := taggable(ctx, str(resource))
	if err != nil {
		return err
	}
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		had, err := t.read(tx)
		if err != nil {
			return err
		}
		tags := maps.Clone(had)
		if tags == nil {
			tags = map[string]string{}
		}
		edit(tags)
		if len(tags) > maxTags {
			return errManyTags()
		}
		return t.write(tx, tags)
	})
	if t.f.name != "" {
		r.forget(t.f)
	}
	return err
}

func (r *lambdaRoom) listTags(ctx context.Context, in *api.ListTagsInput) (*api.ListTagsOutput, error) {
	t, err := taggable(ctx, str(in.Resource))
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	err = r.d.Store.View(ctx, func(rd store.Reader) (err error) { tags, err = t.read(rd); return err })
	if err != nil {
		return nil, err
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return &api.ListTagsOutput{Tags: tags}, nil
}

func (r *lambdaRoom) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	if len(in.Tags) == 0 {
		return nil, errParameter("An error occurred and the request cannot be processed.") // the wording has no public source
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, r.editTags(ctx, in.Resource, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (r *lambdaRoom) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, r.editTags(ctx, in.Resource, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}
