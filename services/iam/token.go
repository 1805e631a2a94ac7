package iam

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// grant is what a session token says. It is sealed, not secret: whoever holds a token may read it.
type grant struct {
	Kind        cloud.PrincipalKind `json:"k"`
	Account     string              `json:"a"`
	Role        string              `json:"r,omitempty"` // ARN
	ARN         string              `json:"n,omitempty"` // of a user
	ID          string              `json:"i"`           // unique id of the role or user
	Session     string              `json:"s,omitempty"`
	Environment string              `json:"e,omitempty"`
	Expires     int64               `json:"x"` // Unix seconds, real time
}

func (g *grant) principal(accessKey string) cloud.Principal {
	p := cloud.Principal{Kind: g.Kind, Account: g.Account, ARN: g.ARN, ID: g.ID, Environment: g.Environment, AccessKey: accessKey}
	switch g.Kind {
	case cloud.Root:
		p = cloud.RootOf(g.Account)
		p.AccessKey = accessKey
	case cloud.AssumedRole:
		p.Session, p.ID = g.Session, g.ID+":"+g.Session
		p.Role, _ = cloud.ParseARN(g.Role) // sealed by us
		p.ARN = cloud.RoleSession(p.Role, g.Session).ARN
	}
	return p
}

const tokenVersion = 1

// sealer makes and opens session tokens: version, HMAC-SHA256, grant as JSON. The access key id is sealed with the grant, and the
// secret is derived from both, so neither can be put to another use.
type sealer [32]byte

func (s *sealer) sum(purpose, accessKey string, payload []byte) []byte {
	h := hmac.New(sha256.New, s[:])
	for _, part := range []string{purpose, accessKey} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(payload)
	return h.Sum(nil)
}

// seal makes a token and its secret access key.
func (s *sealer) seal(accessKey string, g *grant) (token, secret string, err error) {
	payload, err := json.Marshal(g)
	if err != nil {
		return "", "", err
	}
	b := append([]byte{tokenVersion}, s.sum("token", accessKey, payload)...)
	return base64.RawURLEncoding.EncodeToString(append(b, payload...)), s.secret(accessKey, payload), nil
}

func (s *sealer) secret(accessKey string, payload []byte) string {
	return base64.StdEncoding.EncodeToString(s.sum("secret", accessKey, payload)[:30])
}

// open checks a token; false: it is not one of ours, or not of this key. Expiry is the caller's to check.
func (s *sealer) open(accessKey, token string) (g *grant, secret string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) <= 1+sha256.Size || b[0] != tokenVersion {
		return nil, "", false
	}
	payload := b[1+sha256.Size:]
	if !hmac.Equal(b[1:1+sha256.Size], s.sum("token", accessKey, payload)) {
		return nil, "", false
	}
	g = &grant{}
	if json.Unmarshal(payload, g) != nil {
		return nil, "", false
	}
	return g, s.secret(accessKey, payload), true
}

// newSecret makes a long-term secret access key of 40 characters out of 60 hex digits.
func newSecret(random string) string {
	b, err := hex.DecodeString(random)
	if err != nil {
		return random
	}
	return base64.StdEncoding.EncodeToString(b)
}

// sealing gives the platform's sealer; the first call makes its key.
func (r *iamRoom) sealing(ctx context.Context) (*sealer, error) {
	if s := r.sealer.Load(); s != nil {
		return s, nil
	}
	s := &sealer{}
	fresh := r.d.IDs.Hex(len(s))
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		raw, err := tx.Get(sealingKey())
		if err != nil {
			return err
		}
		if raw == nil {
			if raw, err = hex.DecodeString(fresh); err != nil {
				return err
			}
			err = tx.Put(sealingKey(), raw)
		}
		copy(s[:], raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.sealer.Store(s)
	return s, nil
}

// credentials makes the credentials of a grant.
func (r *iamRoom) credentials(ctx context.Context, g *grant, flags byte, ttl time.Duration) (cloud.Credentials, error) {
	s, err := r.sealing(ctx)
	if err != nil {
		return cloud.Credentials{}, err
	}
	id, err := newKeyID(prefixSession, g.Account, flags, r.d.IDs)
	if err != nil {
		return cloud.Credentials{}, err
	}
	end := r.d.Clock.Wall().Add(ttl).Truncate(time.Second).UTC()
	g.Expires = end.Unix()
	token, secret, err := s.seal(id, g)
	return cloud.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, Expiration: end}, err
}
