package runtimes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An installation that does not end is ended, with all that it has started, and says so.
func TestInstallIsBounded(t *testing.T) {
	argv := []string{"sh", "-c", "echo looking for it; sleep 600 & wait"} // the sleep holds the output open
	err := runInstall(t.Context(), 50*time.Millisecond, SDKNodeV3, t.TempDir(), argv)
	if err == nil || !strings.Contains(err.Error(), "could not be installed (sh: it was not done in 50ms); connect once to the package registry") {
		t.Fatal(err)
	}
	err = runInstall(t.Context(), time.Minute, SDKNodeV3, t.TempDir(), []string{"sh", "-c", "echo ENOTFOUND; exit 7"})
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.HasSuffix(err.Error(), "ENOTFOUND") {
		t.Fatal(err)
	}
}

// Functions see the cache, and whoever can open a file can lock it for good: nothing is locked there.
func TestNothingIsLockedInTheCache(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	dir := filepath.Join(t.TempDir(), "cache")
	if err := EnsureSDK(t.Context(), dir, SDKNodeV3, "", nil); err == nil {
		t.Fatal("it was installed")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("the cache has %v, %v", left, err)
	}
}
