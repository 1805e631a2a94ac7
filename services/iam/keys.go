package iam

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
)

func shardOf(account string) store.Shard { return store.ShardOf("iam", account) }

// tableKey starts the keys of one table of an account.
func tableKey(table, account string) store.Key {
	return store.K(shardOf(account), "iam", table).Str(account)
}

// rowKey is the key of a named record. IAM's names are unique without regard to case.
func rowKey(table, account, name string) store.Key {
	return tableKey(table, account).Str(strings.ToLower(name))
}

func sealingKey() store.Key { return store.K(store.ShardOf("iam"), "iam", "sealing") }

// arnOf gives the ARN of a record: "role", path "/a/", name "r" is arn:aws:iam::A:role/a/r.
func arnOf(account, kind, path, name string) cloud.ARN {
	return cloud.ARN{Partition: "aws", Service: "iam", Account: account, Resource: kind + path + name}
}

// Access key ids carry their account, as Amazon's do: after the prefix come 16 base32 characters, whose first 48 bits are the account's
// number in bits 7 to 46. The low 7 bits are ours; flagSession marks a session with session policies.
const (
	prefixLongTerm = "AKIA"
	prefixSession  = "ASIA"
	flagPolicies   = 1
)

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newKeyID makes an access key id.
func newKeyID(prefix, account string, flags byte, ids cloud.IDs) (string, error) {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", fmt.Errorf("account %q: %w", account, err)
	}
	random, err := hex.DecodeString(ids.Hex(5))
	if err != nil {
		return "", err
	}
	n = 1<<47 | n<<7 | uint64(random[4]&0x7e) | uint64(flags)
	b := []byte{byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return prefix + keyEncoding.EncodeToString(append(b, random[:4]...)), nil
}

// keyAccount reads the account and flags out of an access key id; false: it is not one.
func keyAccount(id string) (account string, flags byte, ok bool) {
	if len(id) != 20 {
		return "", 0, false
	}
	b, err := keyEncoding.DecodeString(id[4:])
	if err != nil {
		return "", 0, false
	}
	var n uint64
	for _, c := range b[:6] {
		n = n<<8 | uint64(c)
	}
	account = fmt.Sprintf("%012d", n>>7&(1<<40-1))
	return account, byte(n & 1), len(account) == 12
}
