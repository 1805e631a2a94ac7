package sns

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 is SHA-1
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"

	"sundog/engine/store"
	"sundog/services/room"
)

// signer signs notifications with a key that is made at the first one and kept. Safe for concurrent use.
type signer struct {
	d    room.Deps
	mu   sync.Mutex
	key  *rsa.PrivateKey
	cert []byte // PEM
	id   string // names the certificate
}

func signerKey(part string) store.Key {
	return store.K(store.ShardOf("sns"), "sns", "signer").Str(part)
}

// load reads or makes the key.
func (s *signer) load(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return nil
	}
	key, cert, err := s.read(ctx)
	if err == nil && key == nil {
		if key, cert, err = s.make(); err == nil {
			key, cert, err = s.keep(ctx, key, cert)
		}
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256(cert)
	s.key, s.id = key, hex.EncodeToString(sum[:16])
	s.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return nil
}

func (s *signer) read(ctx context.Context) (key *rsa.PrivateKey, cert []byte, err error) {
	var der []byte
	err = s.d.Store.View(ctx, func(rd store.Reader) (err error) {
		if der, err = rd.Get(signerKey("key")); err == nil {
			cert, err = rd.Get(signerKey("cert"))
		}
		return err
	})
	if err != nil || der == nil {
		return nil, nil, err
	}
	key, err = x509.ParsePKCS1PrivateKey(der)
	return key, cert, err
}

// keep writes a new key, unless another was first.
func (s *signer) keep(ctx context.Context, key *rsa.PrivateKey, cert []byte) (*rsa.PrivateKey, []byte, error) {
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		if old, err := tx.Get(signerKey("key")); err != nil || old != nil {
			return err
		}
		if err := tx.Put(signerKey("key"), x509.MarshalPKCS1PrivateKey(key)); err != nil {
			return err
		}
		return tx.Put(signerKey("cert"), cert)
	})
	if err != nil {
		return nil, nil, err
	}
	return s.read(ctx)
}

func (s *signer) make() (*rsa.PrivateKey, []byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	now := s.d.Clock.Wall()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return key, cert, err
}

// signatures are signatures by the text that is signed: the notifications of one message to many endpoints differ in what is not signed, or say
// the same but for a few protocols.
type signatures map[string]string

// sign fills in the signature, out of those that are known; a new one is added.
func (s *signer) sign(ctx context.Context, n *notification, host, version string, known signatures) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	if version != "2" {
		version = "1"
	}
	text := n.signed()
	if known[text] == "" {
		value, err := s.value(text, version)
		if err != nil {
			return err
		}
		known[text] = value
	}
	n.SignatureVersion, n.Signature, n.SigningCertURL = version, known[text], host+certPath+s.id+".pem"
	return nil
}

// signed gives the text that is signed (SNS Developer Guide, "Verifying the signatures of Amazon SNS messages").
func (n *notification) signed() string {
	var b strings.Builder
	line := func(k, v string) { b.WriteString(k + "\n" + v + "\n") }
	line("Message", n.Message)
	line("MessageId", n.MessageID)
	if n.Subject != nil {
		line("Subject", *n.Subject)
	}
	if n.SubscribeURL != "" {
		line("SubscribeURL", n.SubscribeURL)
	}
	line("Timestamp", n.Timestamp)
	if n.Token != "" {
		line("Token", n.Token)
	}
	line("TopicArn", n.TopicArn)
	line("Type", n.Type)
	return b.String()
}

func (s *signer) value(text, version string) (string, error) {
	hash, sum := crypto.SHA1, []byte(nil)
	if version == "2" {
		d := sha256.Sum256([]byte(text))
		hash, sum = crypto.SHA256, d[:]
	} else {
		d := sha1.Sum([]byte(text)) //nolint:gosec // signature version 1 is SHA-1
		sum = d[:]
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, s.key, hash, sum)
	if err != nil {
		return "", errors.Join(errors.New("sns: cannot sign"), err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

const certPath = "/SimpleNotificationService-"
