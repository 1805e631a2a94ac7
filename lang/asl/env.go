package asl

// Env is what the interpreter must not make up itself: identifiers and chance.
type Env interface {
	UUID() string
	Random() float64 // at least 0, less than 1
	// TaskToken gives the token by which SendTaskSuccess and its like name a task of this execution.
	TaskToken(task string) string
}
