package dynamodb

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	api "sundog/api/dynamodb"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/store/pebble"
)

// drivers are the stores that the benchmarks run on.
var drivers = []struct {
	name string
	open func(testing.TB) store.Store
}{
	{"mem", func(testing.TB) store.Store { return mem.New() }},
	{"relaxed", func(t testing.TB) store.Store { return openPebble(t, true) }},
	{"durable", func(t testing.TB) store.Store { return openPebble(t, false) }},
}

func openPebble(t testing.TB, relaxed bool) store.Store {
	st, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Relaxed: relaxed, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// clients is how many goroutines a processor gets: with two, 64 clients.
const clients = 32

func putInput(n int64) *api.PutItemInput {
	table, id, name, num := "tab", "user-"+strconv.FormatInt(n, 10), "a name of some length, as names are", strconv.FormatInt(n, 10)
	return &api.PutItemInput{TableName: &table, Item: map[string]api.AttributeValue{"id": {S: &id}, "name": {S: &name}, "n": {N: &num}, "tags": {SS: []string{"x", "y"}}}}
}

func BenchmarkPutItem(b *testing.B) {
	for _, d := range drivers {
		for _, c := range []struct{ name, table string }{{"plain", plainTable}, {"stream", streamed("NEW_AND_OLD_IMAGES")}} {
			b.Run(d.name+"/"+c.name, func(b *testing.B) {
				w := newWorld(b, d.open(b))
				w.must("CreateTable", c.table)
				var n atomic.Int64
				b.ReportAllocs()
				b.SetParallelism(clients)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := w.s.putItem(w.ctx, putInput(n.Add(1))); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

func BenchmarkGetItem(b *testing.B) {
	const items = 1000
	for _, d := range drivers {
		b.Run(d.name, func(b *testing.B) {
			w := newWorld(b, d.open(b))
			w.must("CreateTable", plainTable)
			for i := range int64(items) {
				if _, err := w.s.putItem(w.ctx, putInput(i)); err != nil {
					b.Fatal(err)
				}
			}
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(clients)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				table := "tab"
				for pb.Next() {
					id := fmt.Sprint("user-", n.Add(1)%items)
					if _, err := w.s.getItem(w.ctx, &api.GetItemInput{TableName: &table, Key: map[string]api.AttributeValue{"id": {S: &id}}}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
