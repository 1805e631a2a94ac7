//go:build !linux

package process

// MaybeInit does nothing here: environments run below an init on Linux only.
func MaybeInit() {}
