package process

import (
	"slices"
	"strconv"
	"strings"

	"sundog/engine/compute"
)

// atStart are variables that a process only heeds when they are there as it starts, whatever it is.
var atStart = []string{"LD_LIBRARY_PATH", "LD_PRELOAD", "OPENSSL_CONF", "AWS_LAMBDA_EXEC_WRAPPER"}

// nodeAtStart are those of Node, with ofTrust; Python's all begin alike.
var nodeAtStart = []string{"NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "UV_THREADPOOL_SIZE"}

// Options of NODE_OPTIONS that mean the same to a process that has no function yet: none loads code, opens a port or tells what to trust. Those of the second
// list have a number.
var (
	nodeSwitches = []string{
		"--enable-source-maps", "--no-deprecation", "--no-warnings", "--pending-deprecation", "--throw-deprecation", "--trace-deprecation", "--trace-uncaught", "--trace-warnings",
	}
	nodeNumbers = []string{"--max-http-header-size", "--max-old-space-size", "--max-semi-space-size", "--stack-trace-limit"}
)

// pythonSwitches are variables of Python of which any value is a good one, and means the same to a process that has no function yet.
var pythonSwitches = []string{"PYTHONASYNCIODEBUG", "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONNOUSERSITE", "PYTHONOPTIMIZE", "PYTHONUNBUFFERED"}

// kind is what sets processes of an interpreter apart that wait for a function: the variables, K=V with a zero byte between them, that they have from their
// start and only heed then. Most functions have none.
type kind string

// kindOf gives the kind of process that a version may be given to; false: it needs one of its own, for it sets a variable from the start that one without a
// function cannot have, or nobody has looked at.
func kindOf(v *compute.Version) (kind, bool) {
	var all []string
	for k, value := range v.Env {
		switch {
		case !fromStart(v.Runtime, k):
		case harmless(k, value):
			all = append(all, k+"="+value)
		default:
			return "", false
		}
	}
	slices.Sort(all)
	return kind(strings.Join(all, "\x00")), world{}.libraryPath(v) == ""
}

// fromStart tells whether a runtime's process must have a variable as it starts.
func fromStart(runtime, k string) bool {
	switch {
	case slices.Contains(atStart, k):
		return true
	case strings.HasPrefix(runtime, "nodejs"):
		return slices.Contains(nodeAtStart, k) || slices.Contains(ofTrust, k)
	}
	return strings.HasPrefix(k, "PYTHON")
}

// harmless tells whether a variable may be set for a process that waits for a function: it starts with it, and loads nothing.
func harmless(k, value string) bool {
	switch k {
	case "NODE_OPTIONS":
		return !slices.ContainsFunc(strings.Fields(value), func(o string) bool { return !harmlessOption(o) })
	case "UV_THREADPOOL_SIZE":
		return number(value, 10)
	case "PYTHONHASHSEED":
		return value == "random" || number(value, 32)
	case "PYTHONUTF8":
		return value == "0" || value == "1"
	case "PYTHONIOENCODING":
		return strings.EqualFold(value, "utf-8") || strings.EqualFold(value, "utf8")
	}
	return slices.Contains(pythonSwitches, k)
}

func harmlessOption(o string) bool {
	name, value, valued := strings.Cut(o, "=")
	name = strings.ReplaceAll(name, "_", "-")
	if valued {
		return slices.Contains(nodeNumbers, name) && number(value, 31)
	}
	return slices.Contains(nodeSwitches, name)
}

// number tells whether a text is a whole number of so many bits, not negative.
func number(s string, bits int) bool {
	_, err := strconv.ParseUint(s, 10, bits)
	return err == nil
}

// variables lists what processes of the kind have from their start.
func (k kind) variables() []string {
	if k == "" {
		return nil
	}
	return strings.Split(string(k), "\x00")
}

// named gives them by name.
func (k kind) named() map[string]string {
	all := map[string]string{}
	for _, v := range k.variables() {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return all
}
