package asl

import "fmt"

// fixedEnv counts instead of rolling dice.
type fixedEnv struct{ n int }

func (e *fixedEnv) UUID() string {
	e.n++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", e.n)
}
func (e *fixedEnv) Random() float64              { return 0.5 }
func (e *fixedEnv) TaskToken(task string) string { return "token-" + task }
