// Package wiretest runs the published protocol cases against the codecs, from the server's side: requests are decoded and compared
// with the parameters that a client was given, results are encoded and compared in meaning with the responses that a client was
// shown; and from the client's side, where those responses are decoded again. The shapes come from the small models in the cases,
// through the same tables that apigen writes; the Go types are built at run time.
package wiretest
