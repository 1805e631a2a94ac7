package cloudformation

import (
	"errors"
	"slices"
)

// maxParallel bounds the handlers of one stack that run at once.
const maxParallel = 32

// job is one resource's part of a phase.
type job struct {
	id    string
	needs []string // ids of jobs that must have succeeded; others are ignored
	// begin runs in the run's goroutine. It gives the work to do beside it, nil when there is none; failed says that it cannot be done.
	begin func() (work func() settle, failed bool)
}

// settle takes a handler's result into the records, in the run's goroutine. failed tells that the step failed; an error is
// infrastructure's and stops the run.
type settle func() (failed bool, err error)

type executor struct {
	r       *run
	jobs    map[string]job
	waits   map[string]int
	users   map[string][]string
	ready   []string
	running int
	failed  []string
	results chan outcome
}

type outcome struct {
	id     string
	settle settle
}

// execute runs jobs as their needs allow. After a failure no other job begins, unless keepGoing; jobs that need a failed one never
// do. It gives the ids of those that failed. What the jobs write is committed in groups.
func (r *run) execute(jobs []job, keepGoing bool) ([]string, error) {
	x := &executor{r: r, jobs: map[string]job{}, waits: map[string]int{}, users: map[string][]string{}, results: make(chan outcome, len(jobs))}
	for _, j := range jobs {
		x.jobs[j.id] = j
	}
	for _, j := range jobs {
		for _, n := range j.needs {
			if _, ok := x.jobs[n]; ok {
				x.waits[j.id]++
				x.users[n] = append(x.users[n], j.id)
			}
		}
		if x.waits[j.id] == 0 {
			x.ready = append(x.ready, j.id)
		}
	}
	for {
		works := x.begin(keepGoing)
		if err := r.flush(nil); err != nil {
			x.running -= len(works)
			return nil, x.drain(err)
		}
		for _, o := range works {
			go o()
		}
		if x.running == 0 {
			return x.failed, nil
		}
		if err := x.collect(); err != nil {
			return nil, x.drain(err)
		}
	}
}

// begin begins all jobs that are ready and gives their work.
func (x *executor) begin(keepGoing bool) []func() {
	var works []func()
	for len(x.ready) > 0 && x.running < maxParallel && (keepGoing || len(x.failed) == 0) {
		id := x.ready[0]
		x.ready = x.ready[1:]
		work, failed := x.jobs[id].begin()
		switch {
		case failed:
			x.failed = append(x.failed, id)
		case work == nil:
			x.succeed(id)
		default:
			x.running++
			works = append(works, func() { x.results <- outcome{id: id, settle: work()} })
		}
	}
	return works
}

func (x *executor) succeed(id string) {
	for _, u := range x.users[id] {
		if x.waits[u]--; x.waits[u] == 0 {
			x.ready = append(x.ready, u)
		}
	}
}

// collect waits for a result and takes all that are there.
func (x *executor) collect() error {
	for o := range slices.Values(x.take()) {
		failed, err := o.settle()
		if err != nil {
			return err
		}
		if failed {
			x.failed = append(x.failed, o.id)
		} else {
			x.succeed(o.id)
		}
	}
	return nil
}

func (x *executor) take() []outcome {
	all := []outcome{<-x.results}
	for len(x.results) > 0 {
		all = append(all, <-x.results)
	}
	x.running -= len(all)
	return all
}

// drain waits for the handlers that still run and takes their results in, before the run ends with an error.
func (x *executor) drain(err error) error {
	for x.running > 0 {
		o := <-x.results
		x.running--
		if _, serr := o.settle(); serr != nil {
			err = errors.Join(err, serr)
		}
	}
	return err
}
