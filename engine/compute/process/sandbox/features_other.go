//go:build !linux

package sandbox

// Features tells that there is nothing to make a sandbox of.
func Features() []Feature {
	return []Feature{{Name: "sandbox", Required: true, Note: "only Linux has what it is made of; functions run as plain processes"}}
}

// Missing words what of the required features is not there.
func Missing() string { return Features()[0].Note }
