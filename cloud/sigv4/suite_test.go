//go:build suites

package sigv4

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// suiteRequest reads a request of the suite, whose request lines may hold blanks and raw UTF-8 that net/http refuses.
func suiteRequest(t *testing.T, path string) (r *http.Request, body string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target := strings.TrimSuffix(rest, " HTTP/1.1")
	r = &http.Request{Method: method, RequestURI: target, URL: &url.URL{}, Header: http.Header{}, ContentLength: int64(len(body))}
	last := ""
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, " ") {
			values := r.Header[last]
			values[len(values)-1] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		last = http.CanonicalHeaderKey(name)
		if last == "Host" {
			r.Host = value
		} else {
			r.Header[last] = append(r.Header[last], value)
		}
	}
	return r, body
}

func TestSuite(t *testing.T) {
	root := "../../../shared/suites/protocols/aws4_testsuite"
	expected := expectedFailures(t)
	count := 0
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".req") {
			return err
		}
		count++
		base := strings.TrimSuffix(path, ".req")
		why := suiteCase(t, base)
		_, listed := expected[filepath.Base(base)]
		if why != "" && !listed {
			t.Errorf("%s: %s", filepath.Base(base), why)
		}
		if why == "" && listed {
			t.Errorf("%s passes; take it off the list", filepath.Base(base))
		}
		return nil
	})
	if err != nil || count < 30 {
		t.Fatalf("%d cases, %v", count, err)
	}
	t.Logf("%d cases", count)
}

func expectedFailures(t *testing.T) map[string]bool {
	raw, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if id := strings.Fields(line); len(id) > 0 && !strings.HasPrefix(line, "#") {
			out[id[0]] = true
		}
	}
	return out
}

func suiteCase(t *testing.T, base string) string {
	read := func(ext string) string {
		b, err := os.ReadFile(base + ext)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimRight(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
	}
	r, body := suiteRequest(t, base+".req")
	if strings.HasSuffix(base, "get-vanilla-with-session-token") { // the token is the signer's input, not the request's
		signed, _ := suiteRequest(t, base+".sreq")
		r.Header["X-Amz-Security-Token"] = signed.Header["X-Amz-Security-Token"]
	}
	scope := Scope{"20150830", "us-east-1", "service"}
	stamp := r.Header.Get("X-Amz-Date")
	c := Canonical{Service: "service", Signed: signedNames(r.Header), BodyHash: HashHex([]byte(body))}
	canonical := c.Append(nil, r)
	if want := read(".creq"); string(canonical) != want {
		return "canonical request\n" + string(canonical) + "\nwant\n" + want
	}
	sts := AppendStringToSign(nil, stamp, scope, canonical)
	if want := read(".sts"); string(sts) != want {
		return "string to sign\n" + string(sts) + "\nwant\n" + want
	}
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	got := NewSigner(NewKeys(8)).Signature(r, c, secret, stamp, scope)
	if want := read(".authz"); !strings.HasSuffix(want, "Signature="+got) {
		return "signature " + got + ", want " + want
	}
	return ""
}
