package sqs

import (
	"fmt"
	"strings"
	"testing"

	api "sundog/api/sqs"
	"sundog/engine/enginetest"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/store/pebble"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/servicetest"
)

// drivers are the stores that the benchmarks run over.
var drivers = []struct {
	name string
	open func(b *testing.B) store.Store
}{
	{"mem", func(*testing.B) store.Store { return mem.New() }},
	{"relaxed", func(b *testing.B) store.Store { return onDisk(b, true) }},
	{"sync", func(b *testing.B) store.Store { return onDisk(b, false) }},
}

func onDisk(b *testing.B, relaxed bool) store.Store {
	s, err := pebble.Open(pebble.Options{Dir: b.TempDir(), Relaxed: relaxed})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

const clients = 64

// over opens a room over a store, with a number of queues in different shards.
func over(b *testing.B, s store.Store, queues int) (*bench, []*string) {
	k := servicetest.Over(enginetest.Over(b, s, clock.NewManual(enginetest.Start), ids.New()))
	rm := New(k.Deps)
	k.Begin(b, rm)
	x := &bench{Kit: k, r: rm.Target.(target).sqsRoom, ctx: k.Context(), t: b}
	var urls []*string
	for i := range queues {
		urls = append(urls, x.create(fmt.Sprintf("q%d", i), nil))
	}
	return x, urls
}

// each runs the benchmark over every driver with one queue and with eight.
func each(b *testing.B, run func(b *testing.B, x *bench, urls []*string)) {
	for _, d := range drivers {
		for _, queues := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/queues=%d", d.name, queues), func(b *testing.B) {
				x, urls := over(b, d.open(b), queues)
				b.SetParallelism(clients / 2)
				b.ReportAllocs()
				run(b, x, urls)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
			})
		}
	}
}

func BenchmarkSend(b *testing.B) {
	body := strings.Repeat("x", 200)
	each(b, func(b *testing.B, x *bench, urls []*string) {
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				if _, err := x.r.sendMessage(x.ctx, &api.SendMessageInput{QueueUrl: urls[n%len(urls)], MessageBody: &body}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkReceiveDelete(b *testing.B) {
	body := strings.Repeat("x", 200)
	each(b, func(b *testing.B, x *bench, urls []*string) {
		var entries []api.SendMessageBatchRequestEntry
		for i := range 10 {
			entries = append(entries, api.SendMessageBatchRequestEntry{Id: new(fmt.Sprint(i)), MessageBody: &body})
		}
		for _, u := range urls {
			for n := 0; n < b.N/len(urls)+10*clients; n += 10 {
				if _, err := x.r.sendMessageBatch(x.ctx, &api.SendMessageBatchInput{QueueUrl: u, Entries: entries}); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				u := urls[n%len(urls)]
				out, err := x.r.receiveMessage(x.ctx, &api.ReceiveMessageInput{QueueUrl: u})
				if err != nil {
					b.Error(err)
					return
				}
				for _, m := range out.Messages {
					if _, err := x.r.deleteMessage(x.ctx, &api.DeleteMessageInput{QueueUrl: u, ReceiptHandle: m.ReceiptHandle}); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	})
}
