// Package runtimes holds what runs between the platform and a function's code: the embedded Node and Python runtimes, the frames that they
// speak over a socket, the table of Lambda's runtime names, and the SDKs that the managed runtimes bring along.
//
// A runtime starts without a function (KindHello), is perhaps told that one comes soon (KindPing, answered by KindPong when it has gone through an invocation
// of its own), takes it (KindInit, answered by KindReady or KindInitError) and then answers one invocation after another (KindInvoke, answered by KindResult or
// KindError, or by KindStream, KindChunk... and KindEnd), with KindLog and KindOutput at any time in between.
package runtimes
