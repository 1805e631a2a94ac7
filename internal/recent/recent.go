// Package recent remembers what was used lately, within a bound: a cache whose hits need no exclusive lock.
package recent

import "sync"

// Map remembers at most limit values. It has a young and an aged half; a value that is asked for moves into the young half, and when that
// is full the aged half is forgotten: a cheap stand-in for least-recently-used. Safe for concurrent use; New makes one.
type Map[K comparable, V any] struct {
	half        int
	mu          sync.RWMutex
	young, aged map[K]V
}

// New makes a Map for at most limit values (at least 2).
func New[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{half: (max(limit, 2) + 1) / 2, young: map[K]V{}}
}

// Get gives a remembered value.
func (m *Map[K, V]) Get(k K) (V, bool) {
	m.mu.RLock()
	v, ok := m.young[k]
	if ok {
		m.mu.RUnlock()
		return v, true
	}
	v, ok = m.aged[k]
	m.mu.RUnlock()
	if ok {
		m.Put(k, v)
	}
	return v, ok
}

// Put remembers a value.
func (m *Map[K, V]) Put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.young[k]; !there && len(m.young) >= m.half {
		m.aged, m.young = m.young, make(map[K]V, m.half)
	}
	m.young[k] = v
}

// Len gives the number of values that are held, counting those in both halves twice.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.young) + len(m.aged)
}
