//go:build linux

package isolation

import (
	"os"
	"runtime"
	"testing"

	"sundog/api/lambda"
	"sundog/engine/compute/computetest"
)

// descriptors counts what this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestNothingLeaks starts and ends many environments: sockets, descriptors and goroutines go with them.
func TestNothingLeaks(t *testing.T) {
	w := open(t)
	w.deploy()
	round := func() {
		w.invoke("node-attacker", map[string]any{"code": `await fetch('https://sts.us-east-1.amazonaws.com/'); setTimeout(() => process.exit(1), 1); return 1`})
		w.call(lambda.UpdateFunctionConfigurationOp, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("node-attacker"), Description: new("again")}, &lambda.UpdateFunctionConfigurationOutput{})
	}
	for range 3 {
		round()
	}
	files, routines := descriptors(t), runtime.NumGoroutine()
	for range 12 {
		round()
	}
	// Each environment has over ten descriptors and as many goroutines; a few of each come and go.
	computetest.Eventually(t, "descriptors and goroutines are as they were", func() bool {
		return descriptors(t) < files+30 && runtime.NumGoroutine() < routines+30
	})
}
