package ordmap

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// model is the map's behaviour, written simply.
type model map[string]int

func (m model) keys() []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (m model) check(t *rapid.T, got *Map[int]) {
	if got.Len() != len(m) {
		t.Fatalf("len %d, want %d", got.Len(), len(m))
	}
	var up, down []string
	c := got.Cursor()
	for ok := c.SeekGE(nil); ok; ok = c.Next() {
		up = append(up, string(c.Key()))
		if c.Value() != m[string(c.Key())] {
			t.Fatalf("value of %s: %d", c.Key(), c.Value())
		}
	}
	for ok := c.Last(); ok; ok = c.Prev() {
		down = append(down, string(c.Key()))
	}
	slices.Reverse(down)
	if want := m.keys(); !slices.Equal(up, want) || !slices.Equal(down, want) {
		t.Fatalf("keys %v and %v, want %v", up, down, want)
	}
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Map[int]
		want := model{}
		type kept struct {
			m    Map[int]
			want model
		}
		var copies []kept
		key := func(label string) string {
			return fmt.Sprintf("%04d", rapid.IntRange(0, rapid.SampledFrom([]int{20, 3000}).Draw(t, "space")).Draw(t, label))
		}
		run := rapid.IntRange(1, 40).Draw(t, "runs")
		for range run {
			from, n := rapid.IntRange(0, 3000).Draw(t, "from"), rapid.IntRange(0, 200).Draw(t, "n")
			del := rapid.Bool().Draw(t, "delete")
			for i := range n {
				k := fmt.Sprintf("%04d", (from+i*7)%3000)
				if del {
					_, had := want[k]
					if m.Delete([]byte(k)) != had {
						t.Fatalf("delete %s", k)
					}
					delete(want, k)
				} else {
					m.Set([]byte(k), i)
					want[k] = i
				}
			}
			seek := key("seek")
			checkSeek(t, &m, want, seek)
			if rapid.IntRange(0, 5).Draw(t, "copy") == 0 {
				c := kept{m: m.Copy(), want: model{}}
				for k, v := range want {
					c.want[k] = v
				}
				copies = append(copies, c)
			}
		}
		want.check(t, &m)
		for i := range copies {
			copies[i].want.check(t, &copies[i].m)
		}
	})
}

func checkSeek(t *rapid.T, m *Map[int], want model, seek string) {
	keys := want.keys()
	at := sort.SearchStrings(keys, seek)
	c := m.Cursor()
	if ok := c.SeekGE([]byte(seek)); ok != (at < len(keys)) || ok && string(c.Key()) != keys[at] {
		t.Fatalf("seek %s", seek)
	}
	if ok := c.SeekLT([]byte(seek)); ok != (at > 0) || ok && string(c.Key()) != keys[at-1] {
		t.Fatalf("seek before %s", seek)
	}
	if v, ok := m.Get([]byte(seek)); ok != (at < len(keys) && keys[at] == seek) || ok && v != want[seek] {
		t.Fatalf("get %s", seek)
	}
}

func BenchmarkSetAfterCopy(b *testing.B) {
	var m Map[int]
	for i := range 100000 {
		m.Set([]byte(fmt.Sprintf("%08d", i)), i)
	}
	keys := make([][]byte, 1000)
	for i := range keys {
		keys[i] = []byte(fmt.Sprintf("%08d", i*97))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Set(keys[i%1000], i)
		_ = m.Copy()
	}
}
