package kinesis

import (
	"strconv"
	"sync/atomic"
	"testing"

	api "sundog/api/kinesis"
	"sundog/engine/enginetest"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/store/pebble"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/servicetest"
)

func openPebble(t testing.TB, relaxed bool) store.Store {
	st, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Relaxed: relaxed, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// onStores runs a benchmark on every store.
func onStores(b *testing.B, run func(*testing.B, *bench)) {
	for name, open := range map[string]func(testing.TB) store.Store{
		"mem":     func(testing.TB) store.Store { return mem.New() },
		"relaxed": func(t testing.TB) store.Store { return openPebble(t, true) },
		"durable": func(t testing.TB) store.Store { return openPebble(t, false) },
	} {
		b.Run(name, func(b *testing.B) {
			w := over(b, servicetest.Over(enginetest.Over(b, open(b), clock.NewManual(enginetest.Start), ids.NewFixed(1))))
			w.create("s", 4)
			b.ReportAllocs()
			b.SetParallelism(32) // with two processors, 64 clients
			b.ResetTimer()
			run(b, w)
		})
	}
}

func BenchmarkPutRecord(b *testing.B) {
	onStores(b, func(b *testing.B, w *bench) {
		var n atomic.Int64
		data := make([]byte, 200)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := w.s.putRecord(w.ctx, &api.PutRecordInput{StreamName: new("s"), PartitionKey: new(strconv.FormatInt(n.Add(1), 10)), Data: data}); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkPutRecords puts a hundred records a call.
func BenchmarkPutRecords(b *testing.B) {
	onStores(b, func(b *testing.B, w *bench) {
		data := make([]byte, 200)
		b.RunParallel(func(pb *testing.PB) {
			in := &api.PutRecordsInput{StreamName: new("s")}
			for i := range 100 {
				in.Records = append(in.Records, api.PutRecordsRequestEntry{PartitionKey: new(strconv.Itoa(i)), Data: data})
			}
			for pb.Next() {
				if _, err := w.s.putRecords(w.ctx, in); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkGetRecords(b *testing.B) {
	w := open(b)
	w.create("s", 1)
	for i := range 1000 {
		w.put("s", strconv.Itoa(i), "two hundred bytes or so")
	}
	it := w.iterator("s", first, "TRIM_HORIZON")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.s.getRecords(w.ctx, &api.GetRecordsInput{ShardIterator: it}); err != nil {
			b.Fatal(err)
		}
	}
}
