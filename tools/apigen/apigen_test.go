package main

import "testing"

// The committed packages agree with the manifest, the overlays and the generator.
func TestUpToDate(t *testing.T) {
	if err := run("../..", true, false); err != nil {
		t.Fatal(err)
	}
}
