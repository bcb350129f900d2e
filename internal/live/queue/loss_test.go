package queue

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/live/nstest"
)

func TestParseLosses(t *testing.T) {
	got, err := parseLosses([]byte("    0  31337     0 2 65531     1     2        3  1\n 7000  -1234     5 2 65531 4294967295     0       99  1\n"))
	if d := cmp.Diff(map[int]Loss{0: {1, 2}, 7000: {4294967295, 0}}, got); d != "" || err != nil {
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

func FuzzParseLosses(f *testing.F) {
	f.Add([]byte("    0  31337     0 2 65531     1     2        3  1\n"))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseLosses(b)
		if err != nil && all != nil {
			t.Error("something and an error")
		}
	})
}
