// Package lambda is the room of AWS Lambda: functions with versions and aliases, layers, invocations (synchronous, asynchronous with retries,
// destinations and dead letters, dry runs), resource policies, reserved concurrency, and event source mappings for SQS queues and DynamoDB streams.
//
// Refused by name: container images, file systems, code signing, provisioned concurrency and scaling, function URLs, durable executions, capacity
// providers, SnapStart, tenants, runtime management, recursion control, Kafka, MQ, DocumentDB and Kinesis sources.
//
// Keys. All control records of an account and region share a shard, ShardOf("lambda", account, region); every key is followed by account and region:
//
//	function NAME               function: the unpublished version and all that belongs to the name
//	version NAME NUMBER         a published version
//	alias NAME ALIAS            an alias
//	layer NAME NUMBER           a layer version;  layers NAME: the last number
//	mapping UUID                an event source mapping
//	checkpoint UUID SHARD       its position in a stream's shard
//	given ID, givendue T ID     deliveries that were taken in
//	async ID                    what an asynchronous invocation has been through
//
// Packages are blobs; they are unpacked once, by their hash, below Options.Dir.
package lambda
