// Package serverless reads a Serverless Framework (version 3) application, serverless.yml, and compiles it to the
// CloudFormation template that the framework would emit for it, logical ids and all.
//
// The way through the package: Load reads the file (yaml.go), resolves its variables (vars*.go), checks its keys
// (schema.go, schema.txt), and compiles it (compile.go, one file per event type) to one ordered Value, the template.
// Every Value remembers where it was written, so every complaint names file, line and column (diag.go). What is not
// compiled is refused by name; unknown keys warn with the nearest known one, as the framework does.
package serverless
