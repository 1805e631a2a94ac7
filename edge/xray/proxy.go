package xray

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"sundog/cloud"
)

const maxBody = 1 << 20 // bytes

// proxied are the operations that SDKs call through the daemon, by their paths.
var proxied = map[string]string{"/GetSamplingRules": "GetSamplingRules", "/SamplingTargets": "GetSamplingTargets"}

// proxy answers what SDKs ask the daemon for. They do not sign such requests.
type proxy struct{ *Daemon }

// ServeHTTP hands a request to the service and gives its answer.
func (p proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, ok := proxied[r.URL.Path]
	if !ok || r.Method != http.MethodPost {
		p.fail(w, cloud.NotImplementedf("The X-Ray daemon does not serve %s %s.", r.Method, r.URL.Path))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		p.fail(w, cloud.Errorf(cloud.TooLarge, "InvalidRequestException", "The request is too large.").WithStatus(http.StatusRequestEntityTooLarge))
		return
	case err != nil:
		return // the client is gone
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	if !json.Valid(body) {
		p.fail(w, cloud.Errorf(cloud.Invalid, "InvalidRequestException", "The request is not JSON.").WithStatus(http.StatusBadRequest))
		return
	}
	out, err := p.call(op, json.RawMessage(body))
	if err != nil {
		p.fail(w, cloud.AsError(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

func (p proxy) fail(w http.ResponseWriter, e *cloud.Error) {
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
		if e.Kind == cloud.Internal || e.Kind == cloud.Unavailable {
			status = http.StatusInternalServerError
		}
	}
	if status == http.StatusInternalServerError {
		p.o.Log.Error("the X-Ray daemon could not answer", "error", e)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", e.Code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": e.Message})
}
