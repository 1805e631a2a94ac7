package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

const needsUsers = "needs a user namespace"

// Features looks at what a sandbox is made of, one by one: each namespace is tried with a program that does nothing.
func Features() []Feature {
	all := []Feature{users()}
	for _, n := range []struct {
		name string
		flag uintptr
	}{
		{"mount namespace", unix.CLONE_NEWNS}, {"process namespace", unix.CLONE_NEWPID}, {"network namespace", unix.CLONE_NEWNET}, {"IPC namespace", unix.CLONE_NEWIPC},
		{"host name namespace", unix.CLONE_NEWUTS},
	} {
		if !all[0].OK {
			all = append(all, Feature{Name: n.name, Required: true, Note: needsUsers})
			continue
		}
		all = append(all, required(n.name, start(n.flag), ""))
	}
	return append(all, mounts(), filter(), required("no new privileges", getNoNewPrivs(), ""), landlock())
}

func required(name string, err error, note string) Feature {
	f := Feature{Name: name, OK: err == nil, Required: true, Note: note}
	if err != nil {
		f.Note = err.Error()
	}
	return f
}

// start tries namespaces out, in a user namespace of their own.
func start(flags uintptr) error {
	a, _ := Attributes(0)
	a.Cloneflags = unix.CLONE_NEWUSER | flags
	a.AmbientCaps = nil
	for _, program := range []string{"/bin/true", "/usr/bin/true"} {
		if _, err := os.Stat(program); err != nil {
			continue
		}
		c := exec.Command(program)
		c.SysProcAttr = a
		return c.Run()
	}
	return errors.New("there is no /bin/true to try it with")
}

func users() Feature {
	f := required("user namespace", start(0), "functions are the platform's user outside, and nobody inside")
	if allUsers() {
		f.Note = "each environment is a user of its own outside"
	}
	if f.OK {
		return f
	}
	f.Note = reason(f.Note)
	return f
}

// reason explains why no user namespace can be made, where the system says.
func reason(said string) string {
	for file, want := range map[string]string{
		"/proc/sys/user/max_user_namespaces": "0", "/proc/sys/kernel/unprivileged_userns_clone": "0", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
	} {
		b, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(b)) == want {
			name := strings.ReplaceAll(strings.TrimPrefix(file, "/proc/sys/"), "/", ".")
			return fmt.Sprintf("%s (sysctl %s is %s)", said, name, want)
		}
	}
	return said + " (a container or a security module may forbid it)"
}

// mounts asks for the calls that build the root folder: Linux 5.12 has them.
func mounts() Feature {
	err := unix.MountSetattr(-1, "", 0, &unix.MountAttr{})
	if err != unix.ENOSYS {
		err = nil
	}
	return required("mounts with attributes (Linux 5.12)", err, "")
}

func filter() Feature {
	_, err := program()
	if err == nil {
		action := uint32(unix.SECCOMP_RET_ERRNO)
		err = seccompAction(&action)
	}
	return required("system call filter (seccomp)", err, "")
}

func getNoNewPrivs() error {
	_, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err
}

func landlock() Feature {
	f := Feature{Name: "Landlock", Note: "not in this kernel: the mounts alone keep files apart"}
	if abi := LandlockABI(); abi > 0 {
		f.OK, f.Note = true, fmt.Sprintf("version %d", abi)
	}
	return f
}

// Missing words what of the required features is not there; "" when all are.
func Missing() string {
	var all []string
	for _, f := range Features() {
		if f.Required && !f.OK && f.Note != needsUsers {
			all = append(all, f.Name+": "+f.Note)
		}
	}
	return strings.Join(all, "; ")
}
