package iam

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	api "sundog/api/iam"
	"sundog/engine/store"
)

const (
	active   = "Active"
	inactive = "Inactive"
	maxKeys  = 2 // per user
)

// accessKey is a user's long-term access key.
type accessKey struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Secret  string `json:"secret"`
	User    string `json:"user"`
	Status  string `json:"status"`
	Created int64  `json:"created"`
}

func accessKeyKey(owner, id string) store.Key { return tableKey("accesskey", owner).Str(id) }

func (k *accessKey) put(tx store.Tx) error {
	raw, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return tx.Put(accessKeyKey(k.Account, k.ID), raw)
}

// keysOf calls f with every access key of a user; f may write it.
func keysOf(tx store.Reader, owner, name string, f func(*accessKey) error) error {
	var found []*accessKey
	it := tx.Scan(store.Prefix(tableKey("accesskey", owner)))
	for it.Next() {
		k := &accessKey{}
		if err := json.Unmarshal(it.Value(), k); err != nil {
			return joinClose(it, err)
		}
		if strings.EqualFold(k.User, name) {
			found = append(found, k)
		}
	}
	err := joinClose(it, it.Err())
	for _, k := range found {
		if err == nil {
			err = f(k)
		}
	}
	return err
}

func (r *iamRoom) createAccessKey(ctx context.Context, in *api.CreateAccessKeyInput) (*api.CreateAccessKeyOutput, error) {
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	id, err := newKeyID(prefixLongTerm, account(ctx), 0, r.d.IDs)
	if err != nil {
		return nil, err
	}
	k := &accessKey{ID: id, Account: account(ctx), Secret: newSecret(r.d.IDs.Hex(30)), Status: active, Created: r.d.Clock.Now().Unix()}
	err = r.update(ctx, func(tx store.Tx) error {
		u, err := users.get(tx, account(ctx), name)
		if err != nil {
			return err
		}
		n := 0
		if err := keysOf(tx, account(ctx), u.Name, func(*accessKey) error { n++; return nil }); err != nil {
			return err
		}
		if n >= maxKeys {
			return errLimit("Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
		}
		k.User = u.Name
		return k.put(tx)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateAccessKeyOutput{AccessKey: &api.AccessKey{
		UserName: &k.User, AccessKeyId: &k.ID, Status: &k.Status, SecretAccessKey: &k.Secret, CreateDate: new(time.Unix(k.Created, 0).UTC()),
	}}, nil
}

func (r *iamRoom) listAccessKeys(ctx context.Context, in *api.ListAccessKeysInput) (*api.ListAccessKeysOutput, error) {
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	var list []api.AccessKeyMetadata
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		list = nil
		if _, err := users.get(tx, account(ctx), name); err != nil {
			return err
		}
		return keysOf(tx, account(ctx), name, func(k *accessKey) error {
			list = append(list, api.AccessKeyMetadata{UserName: &k.User, AccessKeyId: &k.ID, Status: &k.Status, CreateDate: new(time.Unix(k.Created, 0).UTC())})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	key := func(m api.AccessKeyMetadata) string { return *m.AccessKeyId }
	slices.SortFunc(list, func(a, b api.AccessKeyMetadata) int { return strings.Compare(key(a), key(b)) })
	out := &api.ListAccessKeysOutput{}
	out.AccessKeyMetadata, out.IsTruncated, out.Marker, err = page(list, key, in.Marker, in.MaxItems)
	return out, err
}

// changeKey finds a key of a user's and lets f write it.
func (r *iamRoom) changeKey(ctx context.Context, name, id *string, f func(store.Tx, *accessKey) error) error {
	owner, err := userName(ctx, name)
	if err != nil {
		return err
	}
	return r.update(ctx, func(tx store.Tx) error {
		if _, err := users.get(tx, account(ctx), owner); err != nil {
			return err
		}
		raw, err := tx.Get(accessKeyKey(account(ctx), text(id)))
		if err != nil {
			return err
		}
		k := &accessKey{}
		if raw != nil {
			err = json.Unmarshal(raw, k)
		}
		if err != nil {
			return err
		}
		if raw == nil || !strings.EqualFold(k.User, owner) {
			return errNoEntity("The Access Key with id %s cannot be found.", text(id))
		}
		return f(tx, k)
	})
}

func (r *iamRoom) updateAccessKey(ctx context.Context, in *api.UpdateAccessKeyInput) (*api.UpdateAccessKeyOutput, error) {
	if s := text(in.Status); s != active && s != inactive {
		return nil, errValidation("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", s)
	}
	return &api.UpdateAccessKeyOutput{}, r.changeKey(ctx, in.UserName, in.AccessKeyId, func(tx store.Tx, k *accessKey) error {
		k.Status = *in.Status
		return k.put(tx)
	})
}

func (r *iamRoom) deleteAccessKey(ctx context.Context, in *api.DeleteAccessKeyInput) (*api.DeleteAccessKeyOutput, error) {
	return &api.DeleteAccessKeyOutput{}, r.changeKey(ctx, in.UserName, in.AccessKeyId, func(tx store.Tx, k *accessKey) error {
		return tx.Delete(accessKeyKey(k.Account, k.ID))
	})
}
