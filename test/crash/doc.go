// Package crash kills a loaded platform with SIGKILL, starts it again, and checks what docs/durability.md promises: items, objects and
// executions that were acknowledged are there, messages are delivered at least once and not again after an acknowledged deletion, also those
// that were published to a topic, in each of its queues; FIFO groups stay in order and without repetitions; nothing is left in a queue; and no
// process of a function is left behind.
package crash
