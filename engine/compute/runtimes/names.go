package runtimes

import "strings"

// Family is the kind of interpreter that a runtime needs.
type Family string

// The families of runtimes that can run here. A Custom runtime brings its own program, which speaks the Lambda Runtime API.
const (
	Node   Family = "node"
	Python Family = "python"
	Java   Family = "java" // by the official runtime interface client, which speaks the Lambda Runtime API
	Custom Family = "provided"
)

// Name is one of Lambda's runtimes.
type Name struct {
	ID      string // "nodejs20.x"
	Family  Family // "": none that can run here
	Version string // "20", "3.12", "17"; "" for Custom
}

// Names lists the runtimes that can run here, in the order in which Lambda's documentation has them.
func Names() []Name {
	var all []Name
	for _, v := range []string{"24", "22", "20", "18", "16", "14", "12"} {
		all = append(all, Name{"nodejs" + v + ".x", Node, v})
	}
	for _, v := range []string{"3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7"} {
		all = append(all, Name{"python" + v, Python, v})
	}
	for _, v := range []string{"25", "21", "17", "11"} {
		all = append(all, Name{"java" + v, Java, v})
	}
	all = append(all, Name{"java8.al2", Java, "8"})
	for _, id := range []string{"provided.al2023", "provided.al2", "provided", "go1.x"} {
		all = append(all, Name{ID: id, Family: Custom})
	}
	return all
}

// Lookup finds a runtime by its id; false when it cannot run here.
func Lookup(id string) (Name, bool) {
	for _, n := range Names() {
		if n.ID == id {
			return n, true
		}
	}
	return Name{ID: id}, false
}

// SDKOf tells which SDK, or what else of the kind, the managed runtime brings along: "" for none.
func SDKOf(id string) SDK {
	switch {
	case strings.HasPrefix(id, "python"):
		return SDKPython
	case id == "nodejs12.x", id == "nodejs14.x", id == "nodejs16.x":
		return SDKNodeV2
	case strings.HasPrefix(id, "nodejs"):
		return SDKNodeV3
	case strings.HasPrefix(id, "java"):
		return ClientJava
	}
	return ""
}
