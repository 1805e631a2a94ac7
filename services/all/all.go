// Package all is the explicit list of rooms.
package all

import (
	"sundog/cloud"
	"sundog/services/apigateway"
	"sundog/services/cloudformation"
	"sundog/services/cloudwatch"
	"sundog/services/dynamodb"
	"sundog/services/events"
	"sundog/services/iam"
	"sundog/services/kinesis"
	"sundog/services/lambda"
	"sundog/services/logs"
	"sundog/services/room"
	"sundog/services/s3"
	"sundog/services/sfn"
	"sundog/services/sns"
	"sundog/services/sqs"
	"sundog/services/xray"
)

// Options are what single rooms need besides Deps.
type Options struct {
	Roots    iam.Roots
	Endpoint string // of the platform, as functions reach it
	CodeDir  string // where functions' packages are unpacked
}

// House is every room, and what the platform binds of them.
type House struct {
	Rooms    []room.Room
	Identity cloud.Identity
	Invoker  cloud.Invoker
	OwnAPI   *apigateway.Own
	Lambda   *lambda.Admin
}

// New makes every room.
func New(d room.Deps, o Options) House {
	var h House
	identity, id := iam.New(d, o.Roots)
	h.Identity = id
	apis, own := apigateway.New(d)
	functions, admin := lambda.New(d, lambda.Options{Dir: o.CodeDir, Endpoint: o.Endpoint})
	h.OwnAPI, h.Lambda, h.Invoker = own, admin, admin.Invoker()
	// Closed from the last to the first: what starts work on others ends before them.
	h.Rooms = []room.Room{
		identity,
		logs.New(d),
		cloudwatch.New(d),
		xray.New(d),
		dynamodb.New(d),
		kinesis.New(d),
		s3.New(d),
		sqs.New(d),
		sns.New(d),
		functions,
		events.New(d),
		apis,
		sfn.New(d),
	}
	h.Rooms = append(h.Rooms, cloudformation.New(d, func() []room.ResourceType {
		var types []room.ResourceType
		for _, r := range h.Rooms {
			types = append(types, r.Resources...)
		}
		return types
	}))
	return h
}
