package dynamodb

import "sundog/cloud"

// sweepKind is what a sweep looks after.
type sweepKind uint8

const (
	sweepsTTL sweepKind = iota
	sweepsLog
	sweepsTokens
)

// sweep names one thing that falls due: a table's expiring items, a stream's records, a scope's tokens.
type sweep struct {
	kind  sweepKind
	scope cloud.Scope
	table string
	label string
}

func ttlSweep(sc cloud.Scope, table string) sweep {
	return sweep{kind: sweepsTTL, scope: sc, table: table}
}

func logSweep(sc cloud.Scope, table, label string) sweep {
	return sweep{kind: sweepsLog, scope: sc, table: table, label: label}
}

func tokenSweep(sc cloud.Scope) sweep { return sweep{kind: sweepsTokens, scope: sc} }
