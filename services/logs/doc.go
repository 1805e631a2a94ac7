// Package logs is the room of Amazon CloudWatch Logs: groups, streams, retention and queries by filter pattern, by the CloudWatch Logs API
// reference. The lines themselves are telemetry's; this room keeps what was set on groups and which streams were made before they had lines.
// A group that something wrote to (/aws/lambda/NAME) exists without a row of its own. Subscription filters deliver to functions and data streams. Logs
// Insights, metric filters, destinations and live tail are refused by name.
//
// Keys, all of a scope in one shard, but the filters of all scopes together:
//
//	group   account region group          what was set on a group (JSON)
//	stream  account region group stream   a stream that was created by the API (JSON)
//	filter  account region group          its subscription filters (JSON)
//	made    account region token          groups that a deployment's step made; madedue the same by expiry
package logs
