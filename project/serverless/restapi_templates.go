package serverless

import _ "embed"

// lambda_event.vtl is the request template of an integration with a function that is no proxy: the event with body, method,
// principalId, stage, headers, query, path and so on. form_body.vtl reads a form's fields into the body.

//go:embed lambda_event.vtl
var lambdaEventTemplate string

//go:embed form_body.vtl
var formBodyTemplate string

// lambdaTemplates gives the request templates for JSON bodies and for forms.
func lambdaTemplates() *Value {
	return object("application/json", "#set($body = $input.json('$'))\n"+lambdaEventTemplate,
		"application/x-www-form-urlencoded", formBodyTemplate+lambdaEventTemplate)
}
