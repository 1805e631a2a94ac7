// Package cloudformation is the deploy engine: stacks of resources made, changed and removed from CloudFormation templates
// (AWS CloudFormation API Reference, 2010-05-15). It knows the graph of a template; what a resource type is comes from the
// other rooms, handed over by the composition root.
//
// A call that changes a stack records an operation and returns; a run carries it out in the background. The run's one goroutine
// decides and writes, up to 32 handlers work beside it. Every step is in the store before it begins and after it ends, so that a
// process that dies in the middle goes on at the next start with the same tokens, which handlers are idempotent by.
//
// Served: CreateStack, UpdateStack, DeleteStack, ContinueUpdateRollback, change sets of types CREATE and UPDATE, the Describe, List and Get
// operations, ValidateTemplate, exports and imports, termination protection, and the type AWS::CloudFormation::Stack. Refused by name: stack policies, notification
// ARNs, rollback triggers, resource import, drift, signals, CancelUpdateStack, RollbackStack, Snapshot policies; and in
// templates what lang/cfn refuses, and every resource type that no room brings (custom resources, wait conditions).
//
// Keys, all in the shard of (room, account, region): table "stack" by stack id; "name" name -> id of the stack that is not deleted;
// "template" (stack, version) -> text; "resource" (stack, logical id); "event" (stack, commit stamp); "op" (stack) -> the
// operation that runs; "change" (stack, change set id); "export" name -> value and stack; "import" (name, stack).
package cloudformation
