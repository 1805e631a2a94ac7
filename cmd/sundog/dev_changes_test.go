package main

import (
	"slices"
	"testing"
	"time"
)

func TestABurstIsOneReload(t *testing.T) {
	c, now := newChanges(), time.Unix(1000, 0)
	if _, ok := c.due(); ok {
		t.Error("something is due before anything has changed")
	}
	c.saw("b", now)
	c.saw("a", now.Add(30*time.Millisecond))
	at, ok := c.due()
	if want := now.Add(30 * time.Millisecond).Add(quiet); !ok || !at.Equal(want) {
		t.Errorf("due %v, want %v", at, want)
	}
	if got := c.take(now.Add(50 * time.Millisecond)); got != nil {
		t.Errorf("taken in the middle of a burst: %v", got)
	}
	if got := c.take(at); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("taken: %v", got)
	}
	if _, ok := c.due(); ok {
		t.Error("something is due after all has been taken")
	}
}

// A save beside a file that never rests is not kept waiting by it.
func TestABurstEnds(t *testing.T) {
	c, now := newChanges(), time.Unix(1000, 0)
	c.saw("saved", now)
	for at := now; at.Before(now.Add(burst)); at = at.Add(quiet / 2) {
		c.saw("log", at)
	}
	at, _ := c.due()
	if !at.Equal(now.Add(burst)) {
		t.Errorf("due %v after the first change", at.Sub(now))
	}
	if got := c.take(at); !slices.Equal(got, []string{"log", "saved"}) {
		t.Errorf("taken: %v", got)
	}
}

func TestAFileThatNeverRestsIsReloadedWhenItDoes(t *testing.T) {
	c, now := newChanges(), time.Unix(1000, 0)
	var named []string
	for range often {
		c.saw("db", now)
		now = now.Add(quiet)
		named = append(named, c.reloaded(c.take(now), now)...)
		now = now.Add(time.Second)
	}
	if !slices.Equal(named, []string{"db"}) {
		t.Errorf("named: %v", named)
	}
	c.saw("db", now)
	c.saw("main.py", now)
	now = now.Add(quiet)
	if got := c.take(now); !slices.Equal(got, []string{"main.py"}) {
		t.Errorf("a save beside it: %v", got)
	}
	c.reloaded([]string{"main.py"}, now)
	c.saw("db", now)
	at, ok := c.due()
	if !ok || !at.Equal(now.Add(calm)) {
		t.Errorf("due %v later", at.Sub(now))
	}
	if got := c.take(at.Add(-time.Nanosecond)); got != nil {
		t.Errorf("taken early: %v", got)
	}
	if got := c.take(at); !slices.Equal(got, []string{"db"}) {
		t.Errorf("taken: %v", got)
	}
	now = at.Add(time.Second)
	c.saw("db", now)
	if got := c.take(now.Add(quiet)); !slices.Equal(got, []string{"db"}) {
		t.Errorf("a save after its rest: %v", got)
	}
}

// It has rested, and has not changed since its last reload: there is nothing to do.
func TestARestlessFileWithoutANewChange(t *testing.T) {
	c, now := newChanges(), time.Unix(1000, 0)
	for range often {
		c.reloaded([]string{"db"}, now)
	}
	if got := c.take(now.Add(calm)); got != nil {
		t.Errorf("taken: %v", got)
	}
	if _, ok := c.due(); ok {
		t.Error("it is due for ever")
	}
	for range often {
		if name := c.reloaded([]string{"db"}, now.Add(time.Minute)); name != nil {
			t.Errorf("named again: %v", name)
		}
	}
}

// Saves of one file by a person are further apart.
func TestAPersonsSaves(t *testing.T) {
	c, now := newChanges(), time.Unix(1000, 0)
	for range 3 * often {
		if name := c.reloaded([]string{"main.py"}, now); name != nil {
			t.Errorf("named: %v", name)
		}
		now = now.Add(window / (often - 2))
	}
}
