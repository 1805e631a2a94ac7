package sandbox

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownUsers is where the users of the host begin that stand for functions when the platform runs as root, far above those of people, of containers
// and of services.
const ownUsers = 2_000_000_000

// initCaps are what Init needs within its namespaces where it is not their root.
var initCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP, unix.CAP_SYS_CHROOT,
	unix.CAP_KILL, unix.CAP_SYS_PTRACE, unix.CAP_DAC_OVERRIDE}

// Attributes give how Init is started. own says that the functions' processes of this environment are a user of the host that nothing else has, number n
// of them; it is false where the platform is no root that may use all users: then they are the platform's user.
func Attributes(n int64) (a *syscall.SysProcAttr, own bool) {
	a = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS}
	if !allUsers() {
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: User, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: Group, HostID: os.Getegid(), Size: 1}}
		a.AmbientCaps = initCaps
		return a, false
	}
	id := ownUsers + int(n%100_000) + os.Getpid()%1000*100_000
	a.UidMappings, a.GidMappings = around(User, id), around(Group, id)
	a.GidMappingsEnableSetgroups = true
	return a, true
}

// around maps the usual ids to themselves, so that Init can show files whoever owns them, but one, which is the function's.
func around(inner, host int) []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: inner}, {ContainerID: inner, HostID: host, Size: 1}, {ContainerID: inner + 1, HostID: inner + 1, Size: 65535 - inner}}
}

// allUsers tells whether this process is root and has every user id there is.
func allUsers() bool {
	if os.Geteuid() != 0 {
		return false
	}
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	f := strings.Fields(string(b))
	if len(f) != 3 || f[0] != "0" || f[1] != "0" {
		return false
	}
	size, err := strconv.ParseUint(f[2], 10, 64)
	return err == nil && size > ownUsers+1000*100_000
}
