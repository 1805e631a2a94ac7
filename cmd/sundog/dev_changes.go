package main

import (
	"maps"
	"slices"
	"time"
)

// When what has changed is reloaded.
const (
	quiet  = 40 * time.Millisecond  // after the last change of a burst, so that a save of several files is one reload
	burst  = 500 * time.Millisecond // after its first change at the latest
	often  = 5                      // reloads by one file, within
	window = 10 * time.Second       // this time, are no person's saves: the file
	calm   = 5 * time.Second        // is reloaded when it has been left alone for this time
)

// changes collects changed files until they are to be reloaded: together, as soon as a burst of them is over. A file that something writes to all the
// time, a log or a database, does not cause a reload each time.
type changes struct {
	saved       map[string]bool
	first, last time.Time              // of saved
	reloads     map[string][]time.Time // that a file has caused
	restless    map[string]restless    // files that cause too many
	told        map[string]bool        // restless ones that were named
}

type restless struct {
	last    time.Time // it changed
	pending bool      // since its last reload
}

func newChanges() *changes {
	return &changes{saved: map[string]bool{}, reloads: map[string][]time.Time{}, restless: map[string]restless{}, told: map[string]bool{}}
}

// saw notes a change.
func (c *changes) saw(path string, now time.Time) {
	if c.isRestless(path) {
		c.restless[path] = restless{last: now, pending: true}
		return
	}
	if len(c.saved) == 0 {
		c.first = now
	}
	c.saved[path], c.last = true, now
}

func (c *changes) isRestless(path string) bool {
	_, ok := c.restless[path]
	return ok
}

// due tells when there is something to take; false when nothing has changed.
func (c *changes) due() (at time.Time, ok bool) {
	if len(c.saved) > 0 {
		at, ok = c.last.Add(quiet), true
		if latest := c.first.Add(burst); latest.Before(at) {
			at = latest
		}
	}
	for _, r := range c.restless {
		if end := r.last.Add(calm); !ok || end.Before(at) {
			at, ok = end, true
		}
	}
	return at, ok
}

// take gives the files that are to be reloaded now, sorted, and forgets them. A restless file that has been left alone is like others again.
func (c *changes) take(now time.Time) []string {
	var out []string
	if len(c.saved) > 0 && (now.Sub(c.last) >= quiet || now.Sub(c.first) >= burst) {
		out = slices.Collect(maps.Keys(c.saved))
		clear(c.saved)
	}
	for path, r := range c.restless {
		if now.Sub(r.last) < calm {
			continue
		}
		if r.pending {
			out = append(out, path)
		}
		delete(c.restless, path)
		delete(c.reloads, path)
	}
	slices.Sort(out)
	return out
}

// reloaded notes that files have caused a reload, and gives those that are restless from now on and have not been named before.
func (c *changes) reloaded(paths []string, now time.Time) (name []string) {
	for _, p := range paths {
		recent := slices.DeleteFunc(append(c.reloads[p], now), func(t time.Time) bool { return now.Sub(t) > window })
		c.reloads[p] = recent
		if len(recent) < often {
			continue
		}
		c.restless[p] = restless{last: now}
		if !c.told[p] {
			c.told[p] = true
			name = append(name, p)
		}
	}
	return name
}
