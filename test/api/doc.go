// Package api replays recorded API suites against a platform in one process, over the real wire, and compares what the platform answers with
// what AWS answered. The recordings lie beside the repository (build tag "suites"); the cases that the platform does not meet are listed in
// testdata, each with its reason.
//
// A recording names values that only its own run knew: queue URLs, receipt handles, ids. Stand puts ours in their place as answers come; a
// Matcher reads the recorded answers, in which such values are holes.
package api
