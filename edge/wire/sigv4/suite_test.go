//go:build suites

package sigv4

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/cloud/sigv4"
)

// TestSuite verifies each case's signed request with the Authorization of its .authz file, as a server gets it.
func TestSuite(t *testing.T) {
	listed, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(wall{at: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)}, sigv4.NewKeys(4), func(context.Context, string, string) (string, cloud.Principal, *cloud.Trace, error) {
		return "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", cloud.RootOf("123456789012"), nil, nil
	})
	count := 0
	err = filepath.WalkDir("../../../../shared/suites/protocols/aws4_testsuite", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".sreq") {
			return err
		}
		count++
		name := strings.TrimSuffix(filepath.Base(path), ".sreq")
		expected := strings.Contains("\n"+string(listed), "\n"+name+"  ")
		r, body := suiteRequest(t, strings.TrimSuffix(path, ".sreq"))
		if _, err := verify(v, r, body); (err != nil) != expected {
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil || count < 30 {
		t.Fatalf("%d cases, %v", count, err)
	}
	t.Logf("%d cases", count)
}

// suiteRequest reads a request whose line may hold blanks and raw UTF-8 that net/http refuses.
func suiteRequest(t *testing.T, base string) (r *http.Request, body string) {
	t.Helper()
	raw, err := os.ReadFile(base + ".sreq")
	authz, err2 := os.ReadFile(base + ".authz")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	head, body, _ := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	r = &http.Request{Method: method, RequestURI: strings.TrimSuffix(rest, " HTTP/1.1"), URL: &url.URL{}, Header: http.Header{}, ContentLength: int64(len(body))}
	last := ""
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, " ") {
			r.Header[last][len(r.Header[last])-1] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		last = http.CanonicalHeaderKey(name)
		r.Header.Add(last, value)
	}
	r.Host = r.Header.Get("Host")
	r.Header.Set("Authorization", strings.TrimSpace(string(authz)))
	return r, body
}
