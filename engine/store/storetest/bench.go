package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"sundog/engine/store"
)

// Bench measures updates with one put of 1 KB by 1 and by 64 goroutines, reads of one key, and updates of one hot key.
func Bench(b *testing.B, open Open) {
	value := bytes.Repeat([]byte("v"), 1024)
	b.Run("put1", func(b *testing.B) { parallel(b, open, 1, putFresh(value)) })
	b.Run("put64", func(b *testing.B) { parallel(b, open, 64, putFresh(value)) })
	b.Run("get64", func(b *testing.B) { parallel(b, open, 64, getOne) })
	b.Run("getput64", func(b *testing.B) { parallel(b, open, 64, readThenPut(value)) })
	b.Run("hot64", func(b *testing.B) { parallel(b, open, 64, hot) })
	b.Run("add64", func(b *testing.B) {
		parallel(b, open, 64, func(s store.Store, n int64) error {
			return s.Update(context.Background(), func(tx store.Tx) error { return tx.Add(key("n"), 1) })
		})
	})
}

func parallel(b *testing.B, open Open, goroutines int, do func(store.Store, int64) error) {
	s := open(b)
	b.ReportAllocs()
	var n atomic.Int64
	b.SetParallelism(max(goroutines/2, 1))
	if goroutines == 1 {
		for b.Loop() {
			if err := do(s, n.Add(1)); err != nil {
				b.Fatal(err)
			}
		}
	} else {
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if err := do(s, n.Add(1)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func putFresh(value []byte) func(store.Store, int64) error {
	return func(s store.Store, n int64) error {
		k := key("put").U64(uint64(n) * 0x9e3779b97f4a7c15)
		return s.Update(context.Background(), func(tx store.Tx) error { return tx.Put(k, value) })
	}
}

func readThenPut(value []byte) func(store.Store, int64) error {
	return func(s store.Store, n int64) error {
		k := key("put").U64(uint64(n%10000) * 0x9e3779b97f4a7c15)
		return s.Update(context.Background(), func(tx store.Tx) error {
			if _, err := tx.Get(k); err != nil {
				return err
			}
			return tx.Put(k, value)
		})
	}
}

func getOne(s store.Store, n int64) error {
	return s.View(context.Background(), func(r store.Reader) error {
		_, err := r.Get(key("get", n%100))
		return err
	})
}

func hot(s store.Store, n int64) error {
	return s.Update(context.Background(), func(tx store.Tx) error {
		if _, err := tx.Get(key("hot")); err != nil {
			return err
		}
		return tx.Put(key("hot"), fmt.Append(nil, n))
	})
}
