package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/live/queue"
)

func TestHealth(t *testing.T) {
	var h health
	var c Counters
	if got := h.check(&c, queue.Loss{}); got != nil {
		t.Errorf("at first: %q", got)
	}
	c.Raw.Unsent.Add(2)
	want := []string{
		"3 packets dropped: too many are waiting, goipvs is too slow",
		"2 packets dropped on their way out: no neighbour, a rule, or the links are too slow",
	}
	if d := cmp.Diff(want, h.check(&c, queue.Loss{Full: 3})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := h.check(&c, queue.Loss{Full: 3}); got != nil {
		t.Errorf("nothing new: %q", got)
	}
}
