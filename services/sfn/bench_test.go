package sfn

import (
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/sfn"
	"sundog/engine/store"
)

// BenchmarkTransitions runs workflows of 20 function calls over the memory store, 64 at a time.
func BenchmarkTransitions(b *testing.B) {
	w := newWorld(b)
	fn := w.function("f", func(in string) (string, error) { return in, nil })
	var states []string
	for i := range 20 {
		name, next := string(rune('a'+i)), `"Next":"`+string(rune('b'+i))+`"`
		if i == 19 {
			next = `"End":true`
		}
		states = append(states, `"`+name+`":{"Type":"Task","Resource":"`+fn+`",`+next+`}`)
	}
	m := w.create("m", `{"StartAt":"a","States":{`+strings.Join(states, ",")+`}}`)
	b.ResetTimer()
	done := 0
	var wg sync.WaitGroup
	gate := make(chan struct{}, 64)
	for range b.N {
		gate <- struct{}{}
		wg.Add(1)
		out, err := w.sfn.startExecution(w.ctx, &api.StartExecutionInput{StateMachineArn: &m})
		if err != nil {
			b.Fatal(err)
		}
		told, forget := w.sfn.e.ended(*out.ExecutionArn)
		go func() {
			defer wg.Done()
			defer func() { <-gate }()
			defer forget()
			for {
				select {
				case d := <-told:
					d()
					return
				case <-time.NewTimer(100 * time.Millisecond).C:
					var rec record
					_ = w.store.View(w.ctx, func(r store.Reader) error { _, err := load(r, execKey(*out.ExecutionArn), &rec); return err })
					if rec.Status != "RUNNING" {
						return
					}
				}
			}
		}()
		done += 20
	}
	wg.Wait()
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "transitions/s")
}
