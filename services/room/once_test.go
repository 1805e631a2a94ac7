package room

import (
	"strconv"
	"testing"

	"sundog/engine/store"
	"sundog/engine/store/mem"
)

func TestOnce(t *testing.T) {
	s := mem.New()
	defer s.Close()
	o := Once{Rows: store.K(1, "test", "rows"), Due: store.K(1, "test", "due")}
	remember := func(id, value string, now int64) (earlier string) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error {
			b, err := o.Remember(tx, id, []byte(value), now, 100)
			earlier = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return earlier
	}
	for _, c := range []struct {
		id, value string
		now       int64
		earlier   string
	}{
		{"a", "1", 0, ""}, {"a", "2", 99, "1"}, {"b", "3", 99, ""}, {"a", "4", 100, ""}, {"a", "5", 199, "4"}, {"b", "6", 198, "3"}, {"b", "7", 199, ""},
	} {
		if got := remember(c.id, c.value, c.now); got != c.earlier {
			t.Errorf("%s at %d: %q, want %q", c.id, c.now, got, c.earlier)
		}
	}
	// What has expired goes as fast as new ids come.
	for i := range 10_000 {
		remember(strconv.Itoa(i), "x", 1000+int64(i))
	}
	rows := 0
	err := s.View(t.Context(), func(r store.Reader) error {
		it := r.Scan(store.ScanOptions{Lo: o.Rows, Hi: o.Rows.End(), KeysOnly: true})
		for it.Next() {
			rows++
		}
		return it.Close()
	})
	if err != nil || rows > 300 {
		t.Errorf("%d ids are kept of the last 100 and some, %v", rows, err)
	}
}
