// Package wire is AWS's protocols, once: it turns an HTTP request into an operation's typed input and a typed output or error into
// an HTTP response, over the schema tables of api/*; and the same the other way round for edge/wire/client. The protocols themselves
// are in the folders awsjson, query, restjson, restxml and rpcv2cbor; edge/wire/all lists them. This package has what they share:
// the contract, routing by method and path, HTTP bindings, validation in AWS's words, errors and their status, and the model's JSON
// that rooms speak to each other.
//
// Sources: the Smithy 2.0 specification's "AWS protocols" and "HTTP bindings", and the behaviour of the published SDKs.
package wire
