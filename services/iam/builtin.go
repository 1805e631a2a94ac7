package iam

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"strings"
)

// managedJSON holds the AWS managed policies that applications of this platform use, with their statements (AWS Managed Policy Reference
// Guide), by path and name. ReadOnlyAccess has only the part that concerns services which the platform serves.
//
//go:embed managed.json
var managedJSON []byte

// builtinEpoch is when the built-in policies are said to have been made.
const builtinEpoch = 1423180000

func builtinPolicies() map[string]*managed {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(managedJSON, &raw); err != nil {
		panic("iam: managed.json: " + err.Error()) // embedded: a broken build, not input
	}
	out := make(map[string]*managed, len(raw))
	for full, document := range raw {
		i := strings.LastIndexByte(full, '/')
		m := &managed{
			base:    base{Name: full[i+1:], Path: full[:i+1], ID: builtinID(full), Created: builtinEpoch},
			Default: 1, Last: 1, Updated: builtinEpoch,
			Versions: []policyVersion{{Number: 1, Document: string(document), Created: builtinEpoch}},
		}
		out[arnOf(managedAccount, "policy", m.Path, m.Name).String()] = m
	}
	return out
}

// builtinID gives a built-in policy an id that looks like others and is always the same.
func builtinID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "ANPA" + keyEncoding.EncodeToString(sum[:])[:17]
}
