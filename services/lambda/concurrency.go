package lambda

import (
	"context"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// minUnreserved is what reservations leave to the other functions of an account.
const minUnreserved = 100

func (r *lambdaRoom) putConcurrency(ctx context.Context, in *api.PutFunctionConcurrencyInput) (*api.PutFunctionConcurrencyOutput, error) {
	f, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	n := val(in.ReservedConcurrentExecutions, 0)
	if n < 0 {
		return nil, errValidation("Value '%d' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 0", n)
	}
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		reserved, err := r.reserved(tx, f.Scope, f.name)
		if err != nil {
			return err
		}
		if reserved+n > accounts-minUnreserved {
			return errParameter("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
		}
		fn.Reserved = &n
		return nil
	})
	return &api.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &n}, err
}

// reserved sums the reservations of a scope, one function aside.
func (r *lambdaRoom) reserved(rd store.Reader, sc cloud.Scope, but string) (sum int32, err error) {
	err = each(rd, key(sc, "function"), func(fn function) (bool, error) {
		if fn.Name != but {
			sum += val(fn.Reserved, 0)
		}
		return true, nil
	})
	return sum, err
}

func (r *lambdaRoom) getConcurrency(ctx context.Context, in *api.GetFunctionConcurrencyInput) (*api.GetFunctionConcurrencyOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, f)
	if err != nil {
		return nil, err
	}
	return &api.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: p.fn.Reserved}, nil
}

func (r *lambdaRoom) deleteConcurrency(ctx context.Context, in *api.DeleteFunctionConcurrencyInput) (*api.DeleteFunctionConcurrencyOutput, error) {
	f, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &api.DeleteFunctionConcurrencyOutput{}, r.change(ctx, f, func(_ store.Tx, fn *function) error { fn.Reserved = nil; return nil })
}

func (r *lambdaRoom) accountSettings(ctx context.Context, _ *api.GetAccountSettingsInput) (*api.GetAccountSettingsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	var count, size int64
	var reserved int32
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		var err error
		if reserved, err = r.reserved(rd, sc, ""); err != nil {
			return err
		}
		err = each(rd, key(sc, "function"), func(fn function) (bool, error) {
			count++
			size += val(fn.Latest.Config.CodeSize, 0)
			return true, nil
		})
		if err != nil {
			return err
		}
		return each(rd, key(sc, "version"), func(b build) (bool, error) { size += val(b.Config.CodeSize, 0); return true, nil })
	})
	return &api.GetAccountSettingsOutput{
		AccountLimit: &api.AccountLimit{
			TotalCodeSize: new(int64(80530636800)), CodeSizeUnzipped: new(int64(262144000)), CodeSizeZipped: new(int64(maxZipped)),
			ConcurrentExecutions: new(int32(accounts)), UnreservedConcurrentExecutions: new(accounts - reserved),
		},
		AccountUsage: &api.AccountUsage{TotalCodeSize: &size, FunctionCount: &count},
	}, err
}

// taggable finds what a tag operation's ARN names: a function or an event source mapping.
func taggable(resource string) (f ref, mapping string, err error) {
	a, perr := cloud.ParseARN(resource)
	kind, id, _ := strings.Cut(a.Resource, ":")
	switch {
	case perr != nil || a.Service != service || kind != "function" && kind != "event-source-mapping":
		return f, "", errValidation(`Value '%s' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}|capacity-provider:[a-zA-Z0-9-_]+)`, resource)
	case kind == "event-source-mapping":
		return ref{Scope: a.Scope()}, id, nil
	}
	if f = refOf(a); f.qualifier != "" {
		return f, "", errParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return f, "", nil
}

const maxTags = 50

// editTags changes the tags of a resource.
func (r *lambdaRoom) editTags(ctx context.Context, resource *string, edit func(map[string]string) error) error {
	f, id, err := taggable(str(resource))
	if err != nil {
		return err
	}
	if id != "" {
		return r.d.Store.Update(ctx, func(tx store.Tx) error {
			m, err := readMapping(tx, f.Scope, id)
			if err != nil {
				return err
			}
			if m.Tags == nil {
				m.Tags = map[string]string{}
			}
			if err := edit(m.Tags); err != nil {
				return err
			}
			return save(tx, mappingKey(f.Scope, id), m)
		})
	}
	return r.change(ctx, f, func(_ store.Tx, fn *function) error {
		if fn.Tags == nil {
			fn.Tags = map[string]string{}
		}
		return edit(fn.Tags)
	})
}

func (r *lambdaRoom) listTags(ctx context.Context, in *api.ListTagsInput) (*api.ListTagsOutput, error) {
	f, id, err := taggable(str(in.Resource))
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		if id != "" {
			m, err := readMapping(rd, f.Scope, id)
			if err == nil && m.Tags != nil {
				tags = m.Tags
			}
			return err
		}
		fn, err := read(rd, f)
		if err == nil && fn.Tags != nil {
			tags = fn.Tags
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.ListTagsOutput{Tags: tags}, nil
}

func (r *lambdaRoom) tagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, r.editTags(ctx, in.Resource, func(tags map[string]string) error {
		for k, v := range in.Tags {
			tags[k] = v
		}
		if len(tags) > maxTags {
			return errParameter("Number of tags exceeds resource tag limit.")
		}
		return nil
	})
}

func (r *lambdaRoom) untagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, r.editTags(ctx, in.Resource, func(tags map[string]string) error {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return nil
	})
}
