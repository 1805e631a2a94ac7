// Package events is EventBridge (Amazon EventBridge API Reference, 2015-10-07): event buses, rules with patterns and schedules, targets.
//
// PutEvents matches an entry against the enabled rules of its bus and hands a delivery for each target to engine/bus, with the rule's own
// retry policy and dead letter queue. Schedules are durable timers on the platform's clock.
//
// Served: the operations on buses, rules, targets, permissions and tags, PutEvents, TestEventPattern; targets that are functions, queues,
// topics, state machines, data streams and event buses; the types AWS::Events::Rule, EventBus and EventBusPolicy. Refused by name: archives and replays,
// connections, API destinations, endpoints, partner event sources, other kinds of targets, CloudTrail rules, and settings of buses that
// mean encryption, logging or dead letters.
//
// Keys, all in the shard of (room, account, region): table "bus" by name (the default bus has a row only when it has settings); table
// "rule" by (bus, name), with the targets; "given" and "due" remember deliveries from other buses.
package events
