package mem

import (
	"testing"

	"sundog/engine/store"
	"sundog/engine/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Store { return New() })
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(testing.TB) store.Store { return New() })
}
