package sns

import (
	"net/http"
	"strings"
)

// front serves the certificate that signs messages, at the SigningCertURL.
type front struct{ *signer }

// Claims tells whether the request asks for a certificate.
func (front) Claims(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, certPath) }

// ServeHTTP answers with the certificate, as PEM.
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f.load(r.Context()); err != nil {
		f.d.Log.Error("sns signing key", "error", err)
		http.Error(w, "the signing certificate cannot be read", http.StatusInternalServerError)
		return
	}
	if r.URL.Path != certPath+f.id+".pem" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(f.cert)
}
