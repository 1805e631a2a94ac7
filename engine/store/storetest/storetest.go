// Package storetest is the suite that every store driver passes: conformance, isolation, order of stamps, limits, wake-ups, linearizability.
// Crash and fault tests are the durable drivers' own, with the checks of crash.go.
package storetest

import (
	"testing"

	"sundog/engine/store"
)

// Open opens an empty store for one test; the test closes it.
type Open func(t testing.TB) store.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"Values", testValues},
		{"Failures", testFailures},
		{"Panics", testPanics},
		{"OwnWrites", testOwnWrites},
		{"ScanWhileWriting", testScanWhileWriting},
		{"Model", testModel},
		{"Limits", testLimits},
		{"Closed", testClosed},
		{"SnapshotIsolation", testSnapshot},
		{"WriteSkew", testWriteSkew},
		{"Phantoms", testPhantoms},
		{"ConflictStorm", testStorm},
		{"StormOfScans", testScanStorm},
		{"ConflictGivesUp", testCancel},
		{"Add", testAdd},
		{"AddConflicts", testAddConflicts},
		{"Stamps", testStamps},
		{"StampsAndRanges", testStampsAndRanges},
		{"LogReaders", testLogReaders},
		{"AfterCommit", testAfterCommit},
		{"Submit", testSubmit},
		{"Watch", testWatch},
		{"Linearizable", testLinearizable},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}
