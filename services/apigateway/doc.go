// Package apigateway is the room of Amazon API Gateway's HTTP APIs (version 2): the API that describes them, and the front that serves them,
// by the API Gateway developer guide, "HTTP APIs". Routes lead to functions (AWS_PROXY, payload formats 1.0 and 2.0), with CORS, Lambda and
// IAM authorisers, and access logs. WebSocket and REST APIs, JWT authorisers, proxying to other hosts, custom domains, and stages without
// automatic deployment are refused by name.
//
// Everything of an API lives in its shard: one row for each thing, (kind, account, region, api id, thing id), whose value is the JSON of the
// output that describes it. The front works on a compiled copy in memory, dropped when anything of the API changes. "api" rows of a scope
// are listed in its control shard.
package apigateway
