package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"sundog/engine/store"
)

// register is one call on one key: a read, or a compare-and-set.
type register struct {
	key      int
	set      bool
	old, new string
}

type answer struct {
	value string // what was read
	done  bool   // set: it was as expected
}

// registers is the sequential behaviour of keys.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) (out [][]porcupine.Operation) {
		by := map[int][]porcupine.Operation{}
		for _, o := range history {
			k := o.Input.(register).key
			by[k] = append(by[k], o)
		}
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return "-" },
	Step: func(state, input, output any) (bool, any) {
		in, out, now := input.(register), output.(answer), state.(string)
		if !in.set {
			return out.value == now, now
		}
		if out.done != (now == in.old) || out.value != now {
			return false, now
		}
		if out.done {
			return true, in.new
		}
		return true, now
	},
}

// testLinearizable lets clients read and compare-and-set a few keys, and has porcupine look for an order that explains all answers.
func testLinearizable(t *testing.T, open Open) {
	s := opened(t, open)
	var mu sync.Mutex
	var history []porcupine.Operation
	var now atomic.Int64
	var wg sync.WaitGroup
	for c := range 6 {
		wg.Go(func() {
			seen := [3]string{"-", "-", "-"}
			for i := range 60 {
				in := register{key: (i*7 + c) % 3, set: (i+c)%3 != 0, new: fmt.Sprint(c, ".", i)}
				in.old = seen[in.key]
				op := porcupine.Operation{ClientId: c, Input: in, Call: now.Add(1)}
				out, err := ask(s, in)
				if err != nil {
					t.Error(err)
					return
				}
				op.Output, op.Return = out, now.Add(1)
				if seen[in.key] = out.value; out.done {
					seen[in.key] = in.new
				}
				mu.Lock()
				history = append(history, op)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if !porcupine.CheckOperations(registers, history) {
		t.Fatal("the answers are not linearizable")
	}
}

func ask(s store.Store, in register) (out answer, err error) {
	k := key("register", in.key)
	if !in.set {
		err = s.View(context.Background(), func(r store.Reader) (err error) {
			out.value, err = text(r, k)
			return err
		})
		return out, err
	}
	err = s.Update(context.Background(), func(tx store.Tx) (err error) {
		if out.value, err = text(tx, k); err != nil {
			return err
		}
		if out.done = out.value == in.old; out.done {
			return tx.Put(k, []byte(in.new))
		}
		return nil
	})
	return out, err
}
