// Package cloud is the vocabulary of the platform: the nouns that every other package speaks (ARN, Scope, Principal, Call,
// Operation, Error, Trace, Clock) and the contracts by which rooms reach each other without importing each other (Caller,
// Invoker, Identity, Directory). Read it first. It does no I/O and imports nothing but the standard library.
package cloud
