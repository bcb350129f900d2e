package queue

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Loss is what the kernel dropped of a queue's packets since it was taken.
type Loss struct {
	Full   uint64 // because too many were waiting
	Unread uint64 // because they didn't fit into the socket's buffer
}

// Losses returns the losses of the queues with numbers from first on, n of them,
// together, in the calling thread's network namespace.
func Losses(first uint16, n int) (Loss, error) {
	b, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if err != nil {
		return Loss{}, err
	}
	all, err := parseLosses(b)
	if err != nil {
		return Loss{}, err
	}
	var sum Loss
	for q, l := range all {
		if q >= int(first) && q < int(first)+n {
			sum.Full += l.Full
			sum.Unread += l.Unread
		}
	}
	return sum, nil
}

// parseLosses reads the kernel's list of queues.
//
// Kernel: net/netfilter/nfnetlink_queue.c, seq_show (6.1).
func parseLosses(b []byte) (map[int]Loss, error) {
	all := map[int]Loss{}
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		f := bytes.Fields(sc.Bytes())
		if len(f) < 7 {
			return nil, fmt.Errorf("no line about a queue: %q", sc.Text())
		}
		var v [3]uint64
		for i, at := range []int{0, 5, 6} {
			n, err := strconv.ParseUint(string(f[at]), 10, 32)
			if err != nil {
				return nil, fmt.Errorf("line about a queue: %w", err)
			}
			v[i] = n
		}
		all[int(v[0])] = Loss{Full: v[1], Unread: v[2]}
	}
	return all, sc.Err()
}
