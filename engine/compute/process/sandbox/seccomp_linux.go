package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refused are the system calls that no function needs and that reach for the kernel itself, other processes, mounts, keys or time. They give EPERM.
var refused = []string{
	"acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64", "create_module", "delete_module", "fanotify_init",
	"finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl",
	"kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "lsm_set_self_attr", "mbind", "migrate_pages", "mknod", "mknodat", "mount", "mount_setattr", "move_mount",
	"move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open", "personality", "pidfd_getfd", "pivot_root", "process_madvise",
	"process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace", "query_module", "quotactl", "quotactl_fd", "reboot", "request_key", "seccomp", "set_mempolicy",
	"set_mempolicy_home_node", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "sysfs", "syslog", "_sysctl", "umount", "umount2", "unshare",
	"uselib", "userfaultfd", "ustat", "vhangup", "vm86", "vm86old", "vserver", "stime",
}

// unknown are calls that give ENOSYS, so that the C library takes the older call, whose arguments can be judged.
var unknown = []string{"clone3"}

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// judgement lets a call through by one of its arguments, of which the kernel heeds the lower half only.
type judgement struct {
	call     string
	given    *uint32 // judged only if the first argument is this; nil: always
	argument uint32
	bits     uint32   // refused if any of these is set
	not      []uint32 // refused values
	only     []uint32 // the only values; nil: all others
	refusal  syscall.Errno
}

// judgements keep programs from namespaces, from families of sockets that no network namespace holds (vsock reaches a virtual machine's host) or that are
// little but a way into the kernel (of netlink's protocols only the one that lists interfaces is needed), and from typing into terminals.
var judgements = []judgement{
	{call: "socket", given: new(uint32(unix.AF_NETLINK)), argument: 2, only: []uint32{unix.NETLINK_ROUTE}, refusal: unix.EPROTONOSUPPORT},
	{call: "clone", bits: namespaces, refusal: unix.EPERM},
	{call: "socket", only: []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}, refusal: unix.EAFNOSUPPORT},
	{call: "ioctl", argument: 1, not: []uint32{unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCSETD}, refusal: unix.EPERM},
	{call: "prctl", not: []uint32{unix.PR_SET_MM}, refusal: unix.EPERM},
}

func fail(e syscall.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(e)}
}

var allow = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}

// Offsets in what a filter sees: the call's number, the architecture, the arguments.
const (
	atNumber    = 0
	atArch      = 4
	atArguments = 16
)

// program gives the filter. Calls that the table of this architecture does not have, such as those of newer kernels and of other architectures, give ENOSYS.
func program() ([]bpf.RawInstruction, error) {
	here, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	list := []bpf.Instruction{
		bpf.LoadAbsolute{Off: atArch, Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(here.ID), SkipTrue: 1}, fail(unix.ENOSYS),
		bpf.LoadAbsolute{Off: atNumber, Size: 4},
	}
	for _, j := range judgements {
		if n, ok := here.SyscallNames[j.call]; ok {
			list = append(list, j.instructions(uint32(n))...)
		}
	}
	verdict := map[int]bpf.Instruction{}
	for name, n := range here.SyscallNames {
		switch {
		case slices.Contains(refused, name):
			verdict[n] = fail(unix.EPERM)
		case slices.Contains(unknown, name):
			verdict[n] = fail(unix.ENOSYS)
		default:
			verdict[n] = allow
		}
	}
	return bpf.Assemble(append(list, runs(verdict)...))
}

// instructions decide on a call with a judgement; for other calls they fall through with the number still loaded.
func (j judgement) instructions(number uint32) []bpf.Instruction {
	body := []bpf.Instruction{bpf.LoadAbsolute{Off: atArguments + 8*j.argument, Size: 4}}
	if j.bits != 0 {
		body = append(body, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: j.bits, SkipFalse: 1}, fail(j.refusal))
	}
	for _, v := range j.not {
		body = append(body, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, fail(j.refusal))
	}
	for _, v := range j.only {
		body = append(body, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, allow)
	}
	if j.only != nil {
		body = append(body, fail(j.refusal))
	} else {
		body = append(body, allow)
	}
	if j.given != nil {
		other := []bpf.Instruction{bpf.LoadAbsolute{Off: atNumber, Size: 4}} // not judged: the number is loaded again
		body = append([]bpf.Instruction{bpf.LoadAbsolute{Off: atArguments, Size: 4}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: *j.given, SkipTrue: uint8(len(body))}},
			append(body, other...)...)
	}
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: uint8(len(body))}}, body...)
}

// runs decide by the number, in runs of numbers that are judged alike.
func runs(verdict map[int]bpf.Instruction) []bpf.Instruction {
	numbers := slices.Sorted(maps.Keys(verdict))
	none := fail(unix.ENOSYS)
	at := func(n int) bpf.Instruction {
		if v, ok := verdict[n]; ok {
			return v
		}
		return none
	}
	var list []bpf.Instruction
	last := numbers[len(numbers)-1]
	for n := 0; n <= last; {
		end := n + 1
		for end <= last && at(end) == at(n) {
			end++
		}
		list = append(list, bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(end), SkipFalse: 1}, at(n))
		n = end
	}
	return append(list, none)
}

// callFilter gives the program as the kernel takes it.
func callFilter() ([]unix.SockFilter, error) {
	raw, err := program()
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return filter, nil
}

// filterCalls installs a filter on the calling thread, for good.
func filterCalls(filter []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, e := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return nil
}

// seccompAction asks whether the kernel knows an action of filters.
func seccompAction(action *uint32) error {
	if _, _, e := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(action))); e != 0 {
		return e
	}
	return nil
}
