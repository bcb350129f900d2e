package host

import (
	"testing"

	"goipvs/hooks"
)

// How many octets of further fragments are put behind the first, by the size of
// its frame: what the recordings of fragmented ICMP errors show of either
// kernel.
func TestTailroom(t *testing.T) {
	for _, c := range []struct{ frame, old, newer int }{
		{14 + 28, 148, 340},
		{14 + 36, 140, 332},
		{14 + 190, 498, 178},
		{14 + 340, 348, 28},
		{14 + 370, 318, 318},
		{14 + 1500, 212, 212},
		{4080, 0, 0},
	} {
		for k, want := range map[hooks.Kernel]int{hooks.Linux6_1: c.old, hooks.Linux7_3: c.newer} {
			if got := memory(k).tailroom(c.frame); got != want {
				t.Errorf("%v: %d octets behind a frame of %d, want %d", k, got, c.frame, want)
			}
		}
	}
}
