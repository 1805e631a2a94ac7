// Package all lists the protocols.
package all

import (
	"sundog/edge/wire"
	"sundog/edge/wire/awscbor"
	"sundog/edge/wire/awsjson"
	"sundog/edge/wire/query"
	"sundog/edge/wire/restjson"
	"sundog/edge/wire/restxml"
	"sundog/edge/wire/rpcv2cbor"
)

// Protocols gives every protocol.
func Protocols() []wire.Protocol {
	return []wire.Protocol{awsjson.Protocol{}, query.Protocol{}, restjson.Protocol{}, restxml.Protocol{}, rpcv2cbor.Protocol{}, awscbor.Protocol{}}
}

// Protocol gives the protocol of a name such as "rest-json", or nil.
func Protocol(name string) wire.Protocol {
	for _, p := range Protocols() {
		if p.Name() == name {
			return p
		}
	}
	return nil
}
