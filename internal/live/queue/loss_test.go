package queue

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/live/nstest"
)

func TestParseStates(t *testing.T) {
	got, err := parseStates([]byte("    0  31337     0 2 65531     1     2        3  1\n 7000  -1234     5 2 65531 4294967295     0       99  1\n"))
	if d := cmp.Diff([]State{{Loss{1, 2}, 0, 0, 3}, {Loss{4294967295, 0}, 7000, 5, 99}}, got); d != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, d)
	}
}

func TestLosses(t *testing.T) {
	ns := nstest.New(t)
	ns.Do(t, func() {
		q, err := Listen(Config{IO: NFQueue, Number: 7})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = q.Close() }()
		if l, err := Losses(7, 1); err != nil || l != (Loss{}) {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

func FuzzParseStates(f *testing.F) {
	f.Add([]byte("    0  31337     0 2 65531     1     2        3  1\n"))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseStates(b)
		if err != nil && all != nil {
			t.Error("something and an error")
		}
	})
}
