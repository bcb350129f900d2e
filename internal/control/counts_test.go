package control

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
)

// counting is a backend that counts.
type counting struct {
	*hooks.Director
	counts []Count
}

func (c counting) Counts() []Count { return c.counts }

func TestCounts(t *testing.T) {
	want := []Count{{"conns", 0}, {"verdict/stolen/request", math.MaxUint64}}
	for i := range 1000 { // more than a datagram holds
		want = append(want, Count{fmt.Sprintf("state/TCP/%d", i), uint64(i)})
	}
	c := NewClient(NewEngine(counting{hooks.New(hooks.Config{Stack: bareStack{}}), want}).Conn())
	got, err := c.Counts()
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, d)
	}
	if _, err := NewClient(newEngine().Conn()).Counts(); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("a backend that doesn't count: error %v", err)
	}
}
