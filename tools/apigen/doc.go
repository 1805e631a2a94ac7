// Apigen writes the packages under api/ from the API models that AWS publishes in the botocore package (Apache-2.0).
//
//	go run ./tools/apigen            generate what changed: api/<service>/api_gen.go and schema_gen.txt, and api/catalog
//	go run ./tools/apigen -all       generate everything
//	go run ./tools/apigen -check     tell whether the committed files agree with their inputs; needs no network
//
// What is generated stands in api/manifest.json: per folder the model, the operations ("*" for all, and "except"), and the
// validation style ("generic" or "service"). To serve one more operation, add its name there and run apigen. The package is
// fetched by name and version with pip into the user's cache folder; its hash is pinned in the manifest. Corrections to a model
// (what the older query protocols need, for example) are JSON files in overlay/, laid over the model before it is read.
package main
