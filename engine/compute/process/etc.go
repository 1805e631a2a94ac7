package process

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"sundog/engine/compute/process/sandbox"
)

// fromHost are the files and folders of the host's /etc that programs and libraries of the system need. No other is seen inside.
var fromHost = []string{
	"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "os-release", "mime.types", "services", "protocols", "ssl/openssl.cnf", "ssl/certs/java", "java*", "fonts", "debian_version",
	"redhat-release", "system-release",
}

// maxEtc bounds a copied file.
const maxEtc = 4 << 20

// The certificates that functions trust: the host's with the platform's own authority, and that alone.
const (
	certificates = "/etc/ssl/certs/ca-certificates.crt"
	ownAuthority = "/etc/ssl/certs/sundog.pem"
	javaStore    = "/etc/ssl/certs/sundog.p12" // the same as certificates, in the form that Java reads
)

// hostCertificates are where systems keep the certificates that they trust.
var hostCertificates = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// makeEtc writes the /etc of all sandboxes anew.
func (d *Driver) makeEtc() error {
	dir := d.etc
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	for _, pattern := range fromHost {
		found, err := filepath.Glob("/etc/" + pattern)
		if err != nil {
			return fmt.Errorf("process: %w", err)
		}
		for _, f := range found {
			rel, err := filepath.Rel("/etc", f)
			if err == nil {
				err = copyEtc(f, filepath.Join(dir, rel))
			}
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("process: %w", err)
			}
		}
	}
	// Without it Node compares all zones there are to find out which is meant.
	if err := os.Symlink("/usr/share/zoneinfo/UTC", filepath.Join(dir, "localtime")); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	user := fmt.Sprintf("sbx_user1051:x:%d:%d::/home/sbx_user1051:/sbin/nologin\n", sandbox.User, sandbox.Group)
	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/:/sbin/nologin\n" + user, "group": fmt.Sprintf("root:x:0:\nsbx_user1051:x:%d:\n", sandbox.Group),
		"hosts": "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n", "resolv.conf": "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n", "host.conf": "multi on\n", "hostname": "localhost\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("process: %w", err)
		}
	}
	return d.trust()
}

// trust writes the certificates that functions trust.
func (d *Driver) trust() error {
	var bundle, own []byte
	for _, f := range hostCertificates {
		if b, err := os.ReadFile(f); err == nil {
			bundle = append(b, '\n')
			break
		}
	}
	if d.o.Network != nil {
		var err error
		if own, err = d.o.Network.Authority(); err != nil {
			return err
		}
	}
	bundle = append(bundle, own...)
	if err := os.MkdirAll(filepath.Join(d.etc, "ssl/certs"), 0o755); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	for _, f := range append([]string{certificates}, hostCertificates[1:]...) {
		to := filepath.Join(d.etc, strings.TrimPrefix(f, "/etc/"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("process: %w", err)
		}
		if err := os.WriteFile(to, bundle, 0o644); err != nil {
			return fmt.Errorf("process: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(d.etc, strings.TrimPrefix(ownAuthority, "/etc/")), own, 0o644); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	return nil
}

// makeJavaStore writes the certificates for Java, which reads no PEM. Each has the attribute by which Java knows a certificate that is trusted.
func (d *Driver) makeJavaStore() error {
	if err := d.ownEtc(); err != nil {
		return err
	}
	rest, err := os.ReadFile(filepath.Join(d.etc, strings.TrimPrefix(certificates, "/etc/")))
	if err != nil {
		return fmt.Errorf("process: %w", err)
	}
	var all []*x509.Certificate
	for block := (*pem.Block)(nil); ; {
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil { // the host's may have some that Go does not take
			all = append(all, c)
		}
	}
	b, err := pkcs12.Passwordless.EncodeTrustStore(all, "")
	if err == nil {
		err = os.WriteFile(filepath.Join(d.etc, strings.TrimPrefix(javaStore, "/etc/")), b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("process: writing the certificates for Java: %w", err)
	}
	return nil
}

// trusting gives the variables by which programs find those certificates.
func (w world) trusting() map[string]string {
	if !w.network {
		return nil
	}
	return map[string]string{"SSL_CERT_FILE": certificates, "AWS_CA_BUNDLE": certificates, "REQUESTS_CA_BUNDLE": certificates, "NODE_EXTRA_CA_CERTS": ownAuthority}
}

// copyEtc copies a file, a link as it is, or a folder. What is too large or no file is left out.
func copyEtc(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			return err
		}
		switch e.Type() {
		case fs.ModeDir:
			return os.MkdirAll(dst, 0o755)
		case fs.ModeSymlink:
			text, err := os.Readlink(path)
			if err != nil || strings.Contains(text, "/man/") { // manual pages are most of the alternatives
				return err
			}
			return os.Symlink(text, dst)
		case 0:
			return copyFile(path, dst)
		}
		return nil
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrPermission) {
		return nil // it is nobody's business inside either
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if st, err := in.Stat(); err != nil || st.Size() > maxEtc {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, maxEtc))
	return errors.Join(err, out.Close())
}
