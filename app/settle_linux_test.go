package app

import (
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestProgramIsWhatIsNeverWritten(t *testing.T) {
	all, err := mappings([]byte(`00400000-00c00000 r-xp 00001000 fe:00 77                                 /opt/my programs/sundog (deleted)
Rss:                4000 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00c00000-01000000 r--p 00801000 fe:00 77                                 /opt/my programs/sundog (deleted)
Anonymous:             0 kB
01000000-01100000 r--p 00c01000 fe:00 77                                 /opt/my programs/sundog (deleted)
Anonymous:            12 kB
01100000-01200000 rw-p 00d01000 fe:00 77                                 /opt/my programs/sundog (deleted)
Anonymous:             0 kB
c000000000-c004000000 rw-p 00000000 00:00 0
Anonymous:          4000 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 78                         /usr/lib/libc.so.6
Anonymous:             0 kB
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{{from: 0x400000, to: 0xc00000, file: "/opt/my programs/sundog (deleted)"}, {from: 0xc00000, to: 0x1000000, file: "/opt/my programs/sundog (deleted)"}}
	if got := program(all, 0x500000); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := program(all, 0x10); got != nil {
		t.Errorf("code that is nowhere: %+v", got)
	}
	if got := program(all, 0xc000000001); got != nil {
		t.Errorf("code that is in no file: %+v", got)
	}
}

// TestDropProgram goes on running after its own instructions have been unmapped, and has fewer of them in memory.
func TestDropProgram(t *testing.T) {
	before := residentFiles(t)
	if err := dropProgram(); err != nil {
		t.Fatal(err)
	}
	if after := residentFiles(t); after >= before {
		t.Errorf("%d KiB of files in memory before, %d after", before, after)
	}
}

func residentFiles(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "RssFile:" {
			kb, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no RssFile")
	return 0
}
