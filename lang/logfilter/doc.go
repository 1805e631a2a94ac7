// Package logfilter reads and evaluates filter patterns of CloudWatch Logs (Amazon CloudWatch Logs User Guide, "Filter pattern syntax"): terms,
// JSON conditions, and patterns of space-delimited fields. It does no I/O.
package logfilter
