package recent

import (
	"sync"
	"testing"
)

func TestMapForgetsWhatIsNotUsed(t *testing.T) {
	m := New[int, int](10)
	for i := range 100 {
		m.Put(i, i*i)
		if v, ok := m.Get(0); !ok || v != 0 {
			t.Fatalf("0 was used all the time and is forgotten at %d", i)
		}
		if m.Len() > 10 {
			t.Fatalf("%d values", m.Len())
		}
	}
	if _, ok := m.Get(50); ok {
		t.Error("50 is still there")
	}
	if v, ok := m.Get(99); !ok || v != 99*99 {
		t.Error("99 is forgotten")
	}
}

func TestMapConcurrently(t *testing.T) {
	m := New[int, int](8)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				k := (i * (g + 1)) % 20
				if v, ok := m.Get(k); ok && v != k {
					t.Errorf("%d: %d", k, v)
				}
				m.Put(k, k)
			}
		})
	}
	wg.Wait()
}
