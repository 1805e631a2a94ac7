// Package sandbox keeps one execution environment to itself, on Linux, as root and as an ordinary user: namespaces for users, mounts, processes, the
// network, IPC, host and control group names; a root folder of its own with read-only code; no capabilities, no new privileges, a system call filter,
// Landlock where the kernel has it, and resource limits.
//
// Two processes share it. Init is this program, executed again as process 1 of the namespaces: it opens the network's sockets, builds the root folder
// and starts the function's program in a second mount namespace, which sees that root only and follows what Init mounts there later. So a program can
// be started before it is known whose code it will run. The platform's side is a Control: it sends the Plan, gets the sockets, and has code mounted,
// further programs started, and ports inside dialled.
package sandbox

import "golang.org/x/sys/unix"

// The places that a function knows from Lambda.
const (
	TaskRoot   = "/var/task"
	LayersRoot = "/opt"
	RuntimeDir = "/var/runtime"
	SDKDir     = "/var/sdk"
	TempDir    = "/tmp"
)

// User and Group are the ids of the function's processes as they see themselves, the same as on Lambda.
const (
	User  = 993
	Group = 990
)

// Bind shows a file or folder of the host inside, read-only, with what is mounted below it.
type Bind struct{ From, To string }

// Link is a symbolic link inside.
type Link struct{ Path, Text string }

// Port is a socket that Init opens inside. Those of TCP take connections to any address, those of UDP to loopback only.
type Port struct {
	Network string // "tcp" or "udp"
	Number  int
}

// Code is what a function brings along.
type Code struct {
	Task   string   // the folder of /var/task
	Layers []string // folders of /opt; later ones lie over earlier ones
	Binds  []Bind
	Links  []Link
	TempMB int // size of /tmp
}

// Program is what is started inside, as the function's user.
type Program struct {
	Argv, Env []string
	Dir       string
}

// Plan is everything that Init needs to begin.
type Plan struct {
	Root    string // an empty folder of the host over which the root is built
	Binds   []Bind
	Links   []Link
	Own     bool // the function's user is a user of the host that nothing else has: groups are let go
	Ports   []Port
	Code    *Code   // nil: comes later
	Program Program // without Argv: the sandbox stays, with what Control.Run starts, until its Control is closed
	Limits  Limits
	Based   bool // there was a Base: Ports are open and Root is built, and Binds and Links come besides
}

// Limits bound what the function's processes may use beside memory.
type Limits struct {
	Processes int    // threads included
	Files     uint64 // open at once
	FileMB    uint64 // of one file
}

// Feature is a part of what a sandbox is made of.
type Feature struct {
	Name     string
	OK       bool
	Required bool
	Note     string // why it is not there, or how
}

// request is a message to Init; exactly one field is set.
type request struct {
	Base *Plan    `json:",omitempty"` // sent before Plan, not answered: what every sandbox has, without code and program
	Plan *Plan    `json:",omitempty"`
	Code *Code    `json:",omitempty"`
	Run  *Program `json:",omitempty"` // a further program; descriptors that come along are its output and its descriptor 3
	Dial *Dialled `json:",omitempty"` // answered whenever it is done, by a reply with the same number
	Kill *Signal  `json:",omitempty"`
	Stop *bool    `json:",omitempty"` // all programs inside (true), or let them go on (false)
}

// Dialled is a connection to a TCP port of loopback inside that is asked for, by a number.
type Dialled struct {
	Number int
	Port   string
}

// Signal is a signal to a program inside.
type Signal struct{ PID, Number int }

// reply answers a request, or a Dial (Dialled is its number), or tells that a further program has ended (Ended is its id).
type reply struct {
	Error   string `json:",omitempty"`
	Sockets []Port `json:",omitempty"` // of the descriptors that come along
	PID     int    `json:",omitempty"`
	Ended   int    `json:",omitempty"`
	Dialled int    `json:",omitempty"`
	Status  string `json:",omitempty"`
}

// The descriptors of Init and of the function's program beyond the standard ones.
const (
	fdSocket  = 3 // the program's
	fdStatus  = 4
	fdControl = 5
)

const maxMessage = 512 << 10

// seqpacket keeps messages whole.
const seqpacket = unix.SOCK_SEQPACKET
