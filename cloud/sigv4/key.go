package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"sundog/internal/recent"
)

// Algorithm is the name of the signing algorithm in headers and strings to sign.
const Algorithm = "AWS4-HMAC-SHA256"

// TimeFormat is the layout of X-Amz-Date; DateFormat that of a scope's date. Both are in UTC.
const (
	TimeFormat = "20060102T150405Z"
	DateFormat = "20060102"
)

const terminator = "aws4_request"

// Credentials are what a request is signed with. Token is the session token of temporary credentials, else "".
type Credentials struct{ AccessKey, Secret, Token string }

// Scope is a credential scope without the access key: the day (DateFormat), region and service that a derived key is good for.
type Scope struct{ Date, Region, Service string }

// ScopeOf gives the scope of a moment.
func ScopeOf(service, region string, at time.Time) Scope {
	return Scope{Date: at.UTC().Format(DateFormat), Region: region, Service: service}
}

// String gives "date/region/service/aws4_request".
func (s Scope) String() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// Key is a derived signing key.
type Key [sha256.Size]byte

// DeriveKey derives the key of a scope from a secret access key. Keys.Get does the same with a memory.
func DeriveKey(secret string, s Scope) Key {
	k := mac(append([]byte("AWS4"), secret...), []byte(s.Date))
	k = mac(k[:], []byte(s.Region))
	k = mac(k[:], []byte(s.Service))
	return mac(k[:], []byte(terminator))
}

// Sign gives the signature of a string to sign, in lower-case hex.
func (k *Key) Sign(stringToSign []byte) string {
	sum := mac(k[:], stringToSign)
	return hex.EncodeToString(sum[:])
}

// mac is HMAC-SHA256 (RFC 2104). It is written out because crypto/hmac allocates four objects per sum, and a request needs two sums.
func mac(key, message []byte) [sha256.Size]byte {
	var pad [sha256.BlockSize]byte
	if len(key) > len(pad) {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	copy(pad[:], key)
	var stack [512]byte
	inner := stack[:0]
	for _, b := range pad {
		inner = append(inner, b^0x36)
	}
	sum := sha256.Sum256(append(inner, message...))
	var outer [sha256.BlockSize + sha256.Size]byte
	for i, b := range pad {
		outer[i] = b ^ 0x5c
	}
	copy(outer[len(pad):], sum[:])
	return sha256.Sum256(outer[:])
}

// Keys remembers derived keys: deriving one costs four HMACs, and a client uses the same one all day. Safe for concurrent use.
type Keys struct{ known *recent.Map[keyID, *Key] }

type keyID struct {
	secret string
	scope  Scope
}

// NewKeys makes a memory for at most limit derived keys (at least 2).
func NewKeys(limit int) *Keys { return &Keys{known: recent.New[keyID, *Key](limit)} }

// Get gives the derived key of a scope. The key is shared: do not change it.
func (k *Keys) Get(secret string, s Scope) *Key {
	id := keyID{secret, s}
	if key, ok := k.known.Get(id); ok {
		return key
	}
	key := DeriveKey(secret, s)
	k.known.Put(id, &key)
	return &key
}
