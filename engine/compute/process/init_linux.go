package process

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sundog/engine/compute/process/sandbox"
)

// initName is argv[0] of the re-executed program.
const initName = "sundog-init"

// The descriptors that init gets beyond the standard ones, in this order.
const (
	fdSocket = 3
	fdStatus = 4
)

// MaybeInit turns the process into an environment's init when it was started as one, and then never returns. A program that sets
// Options.Reexec calls it first thing in main.
func MaybeInit() {
	if len(os.Args) < 5 || os.Args[0] != initName {
		return
	}
	if mode(os.Args[1]) == modeSandbox {
		os.Exit(sandbox.Init())
	}
	os.Exit(runInit(mode(os.Args[1]), os.Args[2], os.Args[4:]))
}

// runInit starts argv, reaps whatever ends below it, and writes to fdStatus how argv ended. Everything below it ends with it: by the PID
// namespace, or by its own hand as a subreaper.
func runInit(m mode, cgroup string, argv []string) int {
	runtime.LockOSThread() // the child's death signal follows this thread
	prepare(m, cgroup)
	stop := make(chan os.Signal, 1)
	if m == modeReaper {
		signal.Notify(stop, syscall.SIGTERM)
	}
	go func() {
		<-stop
		killBelow(os.Getpid())
		os.Exit(128 + int(syscall.SIGTERM))
	}()
	unix.CloseOnExec(fdStatus)
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2, fdSocket},
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	})
	if err != nil {
		report(fmt.Sprintf("fork/exec %s: %v", argv[0], err))
		return 127
	}
	_ = unix.Close(fdSocket) // so that the platform sees its end when the child has gone
	report(sandbox.Describe(reap(pid)))
	if m == modeReaper {
		killBelow(os.Getpid())
	}
	return 0
}

// prepare makes the namespace's own /proc and joins the memory group. Both are best effort: a container may forbid the first, and the
// platform samples memory where there is no group.
func prepare(m mode, cgroup string) {
	switch m {
	case modeNamespace, modeUserNamespace:
		if unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") == nil {
			_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}
	case modeReaper:
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if cgroup != "" {
		_ = os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte("0"), 0)
	}
}

func report(s string) {
	f := os.NewFile(fdStatus, "status")
	_, _ = f.WriteString(s) // the platform has gone if this fails, and we with it
	_ = f.Close()
}

// reap waits for children, adopted ones too, until pid has ended.
func reap(pid int) (ws syscall.WaitStatus, used syscall.Rusage) {
	for {
		ws, used = 0, syscall.Rusage{}
		got, err := syscall.Wait4(-1, &ws, 0, &used)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return ws, used
		case got == pid && (ws.Exited() || ws.Signaled()):
			return ws, used
		}
	}
}

// killBelow kills every descendant of pid; it repeats until two looks found none, since a dying process may have forked, and what it leaves
// behind changes its parent.
func killBelow(pid int) {
	for quiet, n := 0, 0; quiet < 2 && n < 1000; n++ {
		below := descendants(pid)
		if len(below) > 0 {
			quiet = 0
		} else {
			quiet++
		}
		for _, p := range below {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		for {
			if got, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); got <= 0 || err != nil {
				break
			}
		}
	}
}

// descendants lists the living processes below pid, from /proc. Zombies are no descendants, but may stand between.
func descendants(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	parent, alive := map[int]int{}, map[int]bool{}
	for _, e := range entries {
		p, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if pp, state := parentOf(p); pp > 0 {
			parent[p], alive[p] = pp, state != "Z"
		}
	}
	var found []int
	for p := range alive {
		at := p
		for n := 0; n < len(parent) && at > 1 && at != pid; n++ {
			at = parent[at]
		}
		if at == pid && p != pid && alive[p] {
			found = append(found, p)
		}
	}
	return found
}

// parentOf gives the parent and the state of a process; 0 when it has gone.
func parentOf(pid int) (parent int, state string) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, ""
	}
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) < 2 {
		return 0, ""
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return 0, ""
	}
	return parent, fields[0]
}
