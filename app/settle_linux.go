package app

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a part of the process's memory.
type mapping struct {
	from, to  uintptr
	write     bool
	file      string
	anonymous bool // has pages that are not the file's any more
}

// dropProgram unmaps the pages of the program's own file, its instructions and constants. The next use of one maps it again.
func dropProgram() error {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	all, err := mappings(text)
	if err != nil {
		return err
	}
	for _, m := range program(all, reflect.ValueOf(dropProgram).Pointer()) {
		if _, _, e := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); e != 0 {
			return e
		}
	}
	return nil
}

// program lists those mappings of the file which has the code at an address that are never written to and have nothing that the file has not.
func program(all []mapping, code uintptr) (own []mapping) {
	file := ""
	for _, m := range all {
		if m.from <= code && code < m.to {
			file = m.file
		}
	}
	for _, m := range all {
		if file != "" && m.file == file && !m.write && !m.anonymous {
			own = append(own, m)
		}
	}
	return own
}

// mappings reads /proc/self/smaps.
func mappings(text []byte) (all []mapping, err error) {
	for line := range bytes.Lines(text) {
		f := strings.Fields(string(line))
		switch {
		case len(f) >= 5 && !strings.HasSuffix(f[0], ":"):
			var m mapping
			if _, err := fmt.Sscanf(f[0], "%x-%x", &m.from, &m.to); err != nil {
				return nil, fmt.Errorf("smaps: %q: %w", f[0], err)
			}
			m.write = strings.Contains(f[1], "w")
			m.file = strings.Join(f[5:], " ")
			all = append(all, m)
		case len(all) > 0 && len(f) == 3 && f[0] == "Anonymous:" && f[1] != "0":
			all[len(all)-1].anonymous = true
		}
	}
	return all, nil
}
