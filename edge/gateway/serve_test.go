package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	signer "sundog/cloud/sigv4"
	"sundog/edge/wire/sigv4"
)

type wall struct{ cloud.Clock }

func (wall) Wall() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

type keys struct{ cloud.Identity }

func (keys) Secret(context.Context, string, string) (string, cloud.Principal, *cloud.Trace, error) {
	return "secret", cloud.RootOf("000000000000"), nil, nil
}

// A body that an operation takes as a stream is verified although the request does not say its hash, and is there to be read.
func TestStreamWithoutHash(t *testing.T) {
	const path = "http://localhost/2014-11-13/functions/f/invoke-async/"
	g := New(Options{Clock: wall{}, Identity: keys{}})
	op := &cloud.Operation{BodyLimit: 10}
	serve := func(signed, sent string) (string, error) {
		r := httptest.NewRequest("POST", path, strings.NewReader(sent))
		signer.NewSigner(signer.NewKeys(1)).Sign(r, signer.HashHex([]byte(signed)), signer.Credentials{AccessKey: "AKIDEXAMPLE", Secret: "secret"}, "lambda", "eu-west-1", wall{}.Wall())
		r.Header.Del("X-Amz-Content-Sha256")
		c, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = g.authenticate(r, c, question{}, op, true, g.bodies.hold(t.Context())); err != nil {
			return "", err
		}
		b, err := io.ReadAll(r.Body)
		return string(b), err
	}
	if got, err := serve(`{"a":1}`, `{"a":1}`); err != nil || got != `{"a":1}` {
		t.Fatal(got, err)
	}
	if _, err := serve(`{"a":1}`, `{"a":2}`); err == nil {
		t.Fatal("another body passed")
	}
	if _, err := serve(`"0123456789"`, `"0123456789"`); cloud.AsError(err).Kind != cloud.TooLarge {
		t.Fatal(err)
	}
}

// A client that goes away is no failure of the platform.
func TestGivenUp(t *testing.T) {
	var log bytes.Buffer
	g := New(Options{Clock: wall{}, Identity: keys{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, err := range []error{context.Canceled, errors.New("a broken disk")} {
		g.fail(httptest.NewRecorder(), question{}, err, "id")
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "a broken disk") {
		t.Fatal(text)
	}
}
