// Package lambda is the room of AWS Lambda: functions with versions and aliases, layers, invocations (synchronous, streamed, asynchronous with retries,
// destinations and dead letters, dry runs), function URLs, resource policies, reserved and provisioned concurrency, loop detection, runtime management,
// code signing configurations, and event source mappings for SQS queues, DynamoDB streams and Kinesis streams.
//
// Refused by name: container images, file systems, scaling configurations, durable executions, capacity providers, SnapStart, tenants, Kafka, MQ
// and DocumentDB sources; and the architecture of another processor than the machine's for
// programs (provided.*), while interpreted runtimes run on any. SnapStart is taken for a function, for which it means nothing yet; publishing is refused.
//
// Loops: the lineage of a trace counts how often a function runs in one chain of requests through functions, queues, topics and buckets (recursion.go).
// Runtime management: a machine has one version of each runtime, which its interpreter makes; Manual pins a function to it; retired ones are refused (runtime.go). Code signing:
// there is no signer here, so every package counts as untrusted: Warn deploys it, Enforce does not (signing.go).
//
// Concurrency (concurrency.go, provisioned.go, metrics.go): an invocation of a version or alias whose environments were started beforehand runs on one of
// them, or spills over when all are in use or have not come up; what is reserved or provisioned is no longer there for invocations on demand.
//
// Revisions: what a creation or an update answers is under way, with a revision of its own; what is there afterwards has the next (function.go). A policy is
// a part of the function, version or alias that it belongs to: a change of it is a revision of that (permission.go). A version is made of content: one that
// is as the last version was is not made again (version.go). Layers are shared by the policies of their versions, also between accounts (layer.go).
//
// Event source mappings (mapping*.go): a poller each (poll.go). Queues (pollqueue.go) are read into batches that run beside each other, as many as a gate
// lets in (pollgate.go). A stream's shard is read in lanes (pollstream.go), as many as the parallelization factor says; a lane runs its batches one after
// another (streambatch.go), with the state of a tumbling window (window.go), and keeps how far it is. Only bus.Source and bus.Stream are known of the rooms.
//
// Roles (role.go): one that exists must let Lambda assume it, and may do with dead letter targets and destinations what they need when they are set; the
// caller must be allowed to pass it. One that does not exist is taken, and calls are refused until it does.
//
// Kept and shown without effect: VpcConfig (functions reach what the machine reaches), KMSKeyArn (variables and filters are kept as the platform keeps its data).
// EphemeralStorage bounds /tmp of functions in a sandbox; without one only the disk does.
//
// TracingConfig: with Active the report of a sampled invocation names its X-Ray segment; with PassThrough it does not, and the trace only goes on. The
// platform's own record of what ran is kept with both. SystemLogLevel filters the platform's lines (START, REPORT and so on) of functions that log
// JSON, by the levels that AWS gives them.
//
// A function URL answers at ENDPOINT/_aws/lambda-url/ID/ and at any host ID.lambda-url.REGION.*; the location of a package that GetFunction gives, at
// ENDPOINT/_aws/lambda-code/, is signed and lasts ten minutes.
//
// A canary deployment (canary.go, canaryshift.go): the update of a function whose template asks for it keeps calls by the bare name on what ran before, through
// an alias; the resource Sundog::Lambda::Canary moves the weights, counts, and ends it one way or the other.
//
// Keys. All control records of an account and region share a shard, ShardOf("lambda", account, region); every key is followed by account and region:
//
//	function NAME               function: the unpublished version and all that belongs to the name
//	version NAME NUMBER         a published version
//	alias NAME ALIAS            an alias
//	layer NAME NUMBER           a layer version;  layers NAME: the last number;  layertags NAME: the tags of all its versions
//	mapping UUID                an event source mapping
//	checkpoint UUID SHARD LANE  its position in a lane of a stream's shard (bus.Shard.ID), and the tumbling window that is open; gone with the shard
//	processed UUID              what became of its last batch
//	shift STACK                 a canary deployment's steps, counts and verdict
//	signing ID                  a code signing configuration
//	given ID, givendue T ID     deliveries that were taken in
//	async ID                    what an asynchronous invocation has been through
//
// and, by its id alone, url ID: which function a function URL belongs to.
//
// Packages are blobs; they are unpacked once, by their hash, below Options.Dir. Blobs and folders go when no function, version or layer has them
// any more and the last call that uses them is over, folders that a crash left at the next start.
package lambda
