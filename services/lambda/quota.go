package lambda

import (
	"context"
	"sync"

	"sundog/cloud"
	"sundog/engine/store"
)

// maxStorage bounds the packages of a scope's functions, versions and layers together (Lambda Developer Guide, "Quotas"): 75 GB.
const maxStorage = 80530636800

// storage knows how much of the code storage each scope uses. A scope is counted when it is first asked for, and anew after something of it went away.
type storage struct {
	mu   sync.Mutex
	used map[cloud.Scope]int64
}

// forget makes a scope be counted anew.
func (s *storage) forget(sc cloud.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, sc)
}

// add notes that a package was kept.
func (s *storage) add(sc cloud.Scope, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.used[sc]; ok {
		s.used[sc] += size
	}
}

// copies is how often a package is kept that a function gets: for what is unpublished, and for a version that is published with it.
func copies(publish *bool) int64 {
	if val(publish, false) {
		return 2
	}
	return 1
}

// codeStored is how much the packages of a scope are: each counts for every function, version and layer that has it.
func codeStored(rd store.Reader, sc cloud.Scope) (sum int64, err error) {
	err = each(rd, key(sc, "function"), func(fn function) (bool, error) { sum += val(fn.Latest.Config.CodeSize, 0); return true, nil })
	if err != nil {
		return 0, err
	}
	err = each(rd, key(sc, "version"), func(b build) (bool, error) { sum += val(b.Config.CodeSize, 0); return true, nil })
	if err != nil {
		return 0, err
	}
	err = each(rd, key(sc, "layer"), func(l layer) (bool, error) { sum += l.Size; return true, nil })
	return sum, err
}

// hasRoom checks that a scope has storage for a package of a size. Packages that are taken in beside each other may together go a little over the bound.
func (r *lambdaRoom) hasRoom(ctx context.Context, sc cloud.Scope, size int64) error {
	r.storage.mu.Lock()
	used, ok := r.storage.used[sc]
	r.storage.mu.Unlock()
	if !ok {
		err := r.d.Store.View(ctx, func(rd store.Reader) (err error) { used, err = codeStored(rd, sc); return err })
		if err != nil {
			return err
		}
		r.storage.mu.Lock()
		if r.storage.used == nil {
			r.storage.used = map[cloud.Scope]int64{}
		}
		r.storage.used[sc] = used
		r.storage.mu.Unlock()
	}
	if used+size > maxStorage {
		return cloud.Errorf(cloud.Invalid, "CodeStorageExceededException", "Code storage limit exceeded.").With("Type", "User")
	}
	return nil
}
