package main

import (
	"syscall"
	"time"
)

// sleep has the calling thread sleep, and wake when it is time.
func sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // who is woken earlier sends a little early
}
