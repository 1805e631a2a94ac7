package process

import (
	"maps"
	"slices"
	"strings"

	"sundog/engine/compute/runtimes"
)

// extraCerts names a file of certificates that Node is to trust beside those it brings along. It reads both as it starts, which takes as long as the rest of its
// start together.
const extraCerts = "NODE_EXTRA_CA_CERTS"

// useFile has Node trust the file that SSL_CERT_FILE names, which it reads when it first needs it: the host's certificates and the platform's own authority.
const useFile = "--use-openssl-ca"

// ofTrust are variables that lead OpenSSL to other certificates.
var ofTrust = []string{"SSL_CERT_FILE", "SSL_CERT_DIR"}

// trustsFile tells whether an embedded Node is started with useFile rather than extraCerts. Not where the function says itself what is trusted, where a
// wrapper script may start other programs before, and where the host has no certificates but those that Node brings along. vars are nil for one that waits
// for a function.
func (w world) trustsFile(f runtimes.Family, vars map[string]string) bool {
	if f != runtimes.Node || !w.network || !slices.ContainsFunc(hostCertificates, fileExists) {
		return false
	}
	if vars == nil {
		return true
	}
	return vars[extraCerts] == ownAuthority && vars[ofTrust[0]] == certificates && vars[ofTrust[1]] == "" && vars["AWS_LAMBDA_EXEC_WRAPPER"] == "" &&
		!strings.Contains(vars["NODE_OPTIONS"], "-ca") // which excludes useFile
}

// started gives those of an embedded runtime's variables that it has from its start; late gives the others.
func (w world) started(f runtimes.Family, vars map[string]string) map[string]string {
	if !w.trustsFile(f, vars) {
		return vars
	}
	vars = maps.Clone(vars)
	delete(vars, extraCerts)
	return vars
}

func (w world) late(f runtimes.Family, vars map[string]string) map[string]string {
	if !w.trustsFile(f, vars) {
		return nil
	}
	return map[string]string{extraCerts: vars[extraCerts]}
}
