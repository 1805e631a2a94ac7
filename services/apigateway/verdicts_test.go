package apigateway

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What clients choose as keys and functions as verdicts is not kept without end.
func TestVerdictsAreBounded(t *testing.T) {
	now := time.Unix(1, 0)
	var v verdicts
	for i := range 1000 {
		v.put(fmt.Sprint(i, strings.Repeat("k", 30<<10)), verdict{size: 30 << 10, until: now.Add(time.Hour)})
	}
	kept := 0
	for k, d := range v.known {
		kept += len(k) + d.size
	}
	if kept > 16<<20 || kept == 0 {
		t.Errorf("%d bytes are kept", kept)
	}
	v.put("large", verdict{size: 6 << 20, until: now.Add(time.Hour)})
	v.put("small", verdict{allow: true, until: now.Add(time.Hour)})
	if _, ok := v.get("large", now); ok {
		t.Error("a verdict of megabytes is kept")
	}
	if d, ok := v.get("small", now); !ok || !d.allow {
		t.Error("a small verdict is not kept")
	}
}
