// Package cfn reads CloudFormation templates (AWS CloudFormation User Guide, "Template anatomy" and "Intrinsic function
// reference") in JSON and YAML, and evaluates them.
//
// Parse checks the template's form and gives a Template. Template.Bind takes parameter values and pseudo parameters, decides the
// conditions and gives a Bound, whose Graph orders the resources and whose Properties and Outputs evaluate trees lazily: values of
// other resources come from a Lookup. The package is pure; what lies outside (exports, Systems Manager parameters) comes from
// functions in Env. Errors are *Error, worded as CloudFormation words them; what is not done is refused by name (NotDone).
package cfn
