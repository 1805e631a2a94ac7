package process

import "sundog/engine/compute/process/sandbox"

// ownUser tells whether the functions of a sandbox are a user of the host of their own.
func ownUser(number int64) bool {
	_, own := sandbox.Attributes(number)
	return own
}
