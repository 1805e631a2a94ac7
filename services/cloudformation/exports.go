package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/cfn"
)

// export is a row of table "export".
type export struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Stack string `json:"stack"`
}

func (s *service) importValue(ctx context.Context, sc cloud.Scope, name string) (string, error) {
	var e export
	var found bool
	err := s.d.Store.View(ctx, func(r store.Reader) (err error) {
		found, err = load(r, exportKey(sc, name), &e)
		return err
	})
	if err == nil && !found {
		err = errValidation("No export named %s found.", name)
	}
	return e.Value, err
}

// importers gives the names of the other stacks that use an export.
func importers(r store.Reader, sc cloud.Scope, name, except string) ([]string, error) {
	var out []string
	it := r.Scan(store.Prefix(table(sc, "import").Str(name)))
	defer it.Close()
	for it.Next() {
		if n, id := string(it.Value()), stackIDOf(it.Key()); id != except {
			out = append(out, n)
		}
	}
	return out, it.Err()
}

// stackIDOf gives the last text part of a key: the part before the closing mark.
func stackIDOf(key []byte) string {
	s := strings.TrimSuffix(string(key), "\x00\x01")
	return s[strings.LastIndex(s, "\x00\x01")+2:]
}

// publish replaces a stack's exports and imports by those of a new set of outputs, and refuses what would break another stack.
func publish(tx store.Tx, st *stack, outputs []cfn.OutputValue, imports []string) error {
	next := map[string]string{}
	for _, o := range outputs {
		if o.Export != "" {
			if _, twice := next[o.Export]; twice {
				return errValidation("Duplicate export name %s", o.Export)
			}
			next[o.Export] = o.Value
		}
	}
	for _, o := range st.Outputs {
		v, stays := next[o.Export]
		if o.Export == "" || stays && v == o.Value {
			continue
		}
		users, err := importers(tx, st.Scope, o.Export, st.ID)
		if err != nil {
			return err
		}
		if len(users) > 0 && stays {
			return errValidation("Export %s cannot be updated as it is in use by %s", o.Export, strings.Join(users, ", "))
		} else if len(users) > 0 {
			return errValidation("Export %s cannot be deleted as it is in use by %s", o.Export, strings.Join(users, ", "))
		}
		if err := tx.Delete(exportKey(st.Scope, o.Export)); err != nil {
			return err
		}
	}
	for _, o := range outputs {
		if o.Export == "" {
			continue
		}
		var e export
		if found, err := load(tx, exportKey(st.Scope, o.Export), &e); err != nil {
			return err
		} else if found && e.Stack != st.ID {
			return errValidation("Export with name %s is already exported by stack %s.", o.Export, nameOf(e.Stack))
		}
		if err := save(tx, exportKey(st.Scope, o.Export), export{Name: o.Export, Value: o.Value, Stack: st.ID}); err != nil {
			return err
		}
	}
	return st.setImports(tx, imports)
}

// unpublish takes back all exports and imports of a stack that is gone.
func unpublish(tx store.Tx, st *stack) error {
	for _, o := range st.Outputs {
		if o.Export != "" {
			if err := tx.Delete(exportKey(st.Scope, o.Export)); err != nil {
				return err
			}
		}
	}
	return st.setImports(tx, nil)
}

func (st *stack) setImports(tx store.Tx, imports []string) error {
	for _, n := range st.Imports {
		if !slices.Contains(imports, n) {
			if err := tx.Delete(importKey(st.Scope, n, st.ID)); err != nil {
				return err
			}
		}
	}
	for _, n := range imports {
		if err := tx.Put(importKey(st.Scope, n, st.ID), []byte(st.Name)); err != nil {
			return err
		}
	}
	st.Imports = imports
	return nil
}

// nameOf gives the name in a stack's id.
func nameOf(id string) string {
	if _, rest, ok := strings.Cut(id, ":stack/"); ok {
		id, _, _ = strings.Cut(rest, "/")
	}
	return id
}

const exportPage = 100

func (s *service) listExports(ctx context.Context, in *api.ListExportsInput) (*api.ListExportsOutput, error) {
	out := &api.ListExportsOutput{}
	err := s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.ListExportsOutput{}
		after := str(in.NextToken)
		return each(r, table(scope(ctx), "export"), func(_ []byte, e *export) error {
			switch {
			case after != "" && e.Name <= after:
			case len(out.Exports) == exportPage:
				out.NextToken = out.Exports[exportPage-1].Name
			default:
				out.Exports = append(out.Exports, api.Export{ExportingStackId: &e.Stack, Name: &e.Name, Value: &e.Value})
			}
			return nil
		})
	})
	return out, err
}

func (s *service) listImports(ctx context.Context, in *api.ListImportsInput) (*api.ListImportsOutput, error) {
	out := &api.ListImportsOutput{}
	err := s.d.Store.View(ctx, func(r store.Reader) (err error) {
		out.Imports, err = importers(r, scope(ctx), str(in.ExportName), "")
		return err
	})
	if err == nil && len(out.Imports) == 0 {
		err = errValidation("Export '%s' is not imported by any stack.", str(in.ExportName))
	}
	return out, err
}

// used gives the first export of a stack that another stack uses, as a sentence; "" when it may go.
func used(r store.Reader, st *stack) (string, error) {
	for _, o := range st.Outputs {
		if o.Export == "" {
			continue
		}
		users, err := importers(r, st.Scope, o.Export, st.ID)
		if err != nil {
			return "", err
		}
		if len(users) > 0 {
			return fmt.Sprintf("Delete canceled. Cannot delete export %s as it is in use by %s.", o.Export, strings.Join(users, ", ")), nil
		}
	}
	return "", nil
}
