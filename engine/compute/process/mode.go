package process

// mode is how an environment's processes are held together.
type mode string

const (
	modeSandbox       mode = "sandbox" // below the sandbox's init, in namespaces of its own
	modeNamespace     mode = "pid"     // below our init in a PID namespace
	modeUserNamespace mode = "userns"  // the same, in a user namespace
	modeReaper        mode = "reaper"  // below our init as a subreaper
	modePlain         mode = "plain"   // the runtime itself, in a process group
)
