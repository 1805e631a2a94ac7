// Package ddbexpr is DynamoDB's data model and expression language as pure functions: attribute values with their comparison,
// size, JSON and storage encodings; condition, filter, key-condition, update and projection expressions; and the older parameters
// (Expected, KeyConditions, AttributeUpdates, ...), which are translated to the same trees.
//
// Sources: Amazon DynamoDB Developer Guide, "Using expressions in DynamoDB", "Legacy conditional parameters", "DynamoDB item sizes
// and formats", "Supported data types and naming rules", "Reserved words in DynamoDB".
//
// Every error is a *cloud.Error with code ValidationException, worded as DynamoDB words it. All values are immutable once made and
// may be shared between goroutines; a Params belongs to one request.
package ddbexpr
