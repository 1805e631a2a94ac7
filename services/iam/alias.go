package iam

import (
	"context"
	"strings"

	api "sundog/api/iam"
	"sundog/engine/store"
)

func aliasKey(owner string) store.Key { return tableKey("alias", owner) }

// aliasesKey is where an alias says whose it is: aliases are unique over all accounts.
func aliasesKey(alias string) store.Key {
	return store.K(store.ShardOf("iam"), "iam", "aliases").Str(alias)
}

// createAccountAlias gives the account an alias in place of the one that it may have.
func (r *iamRoom) createAccountAlias(ctx context.Context, in *api.CreateAccountAliasInput) (*api.CreateAccountAliasOutput, error) {
	alias := text(in.AccountAlias)
	if len(alias) < 3 || len(alias) > 63 || strings.Trim(alias, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || alias[0] == '-' || alias[len(alias)-1] == '-' || strings.Contains(alias, "--") {
		return nil, errValidation("1 validation error detected: Value '%s' at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", alias)
	}
	return &api.CreateAccountAliasOutput{}, r.update(ctx, func(tx store.Tx) error {
		taken, err := tx.Get(aliasesKey(alias))
		if err != nil {
			return err
		}
		if taken != nil && string(taken) != account(ctx) {
			return errExists("The account alias %s already exists.", alias)
		}
		old, err := tx.Get(aliasKey(account(ctx)))
		if err != nil {
			return err
		}
		if old != nil {
			if err := tx.Delete(aliasesKey(string(old))); err != nil {
				return err
			}
		}
		if err := tx.Put(aliasesKey(alias), []byte(account(ctx))); err != nil {
			return err
		}
		return tx.Put(aliasKey(account(ctx)), []byte(alias))
	})
}

func (r *iamRoom) deleteAccountAlias(ctx context.Context, in *api.DeleteAccountAliasInput) (*api.DeleteAccountAliasOutput, error) {
	return &api.DeleteAccountAliasOutput{}, r.update(ctx, func(tx store.Tx) error {
		alias, err := tx.Get(aliasKey(account(ctx)))
		if err != nil {
			return err
		}
		if alias == nil || string(alias) != text(in.AccountAlias) {
			return errNoEntity("The account alias %s does not exist.", text(in.AccountAlias))
		}
		if err := tx.Delete(aliasesKey(string(alias))); err != nil {
			return err
		}
		return tx.Delete(aliasKey(account(ctx)))
	})
}

func (r *iamRoom) listAccountAliases(ctx context.Context, _ *api.ListAccountAliasesInput) (*api.ListAccountAliasesOutput, error) {
	out := &api.ListAccountAliasesOutput{AccountAliases: []string{}, IsTruncated: new(false)}
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		alias, err := tx.Get(aliasKey(account(ctx)))
		if alias != nil {
			out.AccountAliases = []string{string(alias)}
		}
		return err
	})
	return out, err
}
