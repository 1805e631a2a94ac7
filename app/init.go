package app

import (
	"sundog/engine/compute/process"
	"sundog/engine/store/pebble"
)

// MaybeInit runs this process as the init of an execution environment, and does not return, when it was started as one. Call it first in main.
func MaybeInit() { process.MaybeInit() }

// ErrLocked says that another process has the data folder open.
var ErrLocked = pebble.ErrLocked
