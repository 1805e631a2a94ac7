package restjson

import (
	"net/http/httptest"
	"testing"

	"sundog/api/lambda"
)

// An answer that has nothing to stream has the status that the operation gives.
func TestStatusWithoutStream(t *testing.T) {
	w := httptest.NewRecorder()
	status := int32(204)
	out := &lambda.InvokeWithResponseStreamOutput{StatusCode: &status}
	if err := (Protocol{}).Encode(w, httptest.NewRequest("POST", "/", nil), lambda.InvokeWithResponseStreamOp, out, "id"); err != nil || w.Code != 204 || w.Body.Len() > 0 {
		t.Fatal(w.Code, w.Body, err)
	}
}
