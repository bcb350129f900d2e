package queue

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
)

// Loss is what the kernel dropped of a queue's packets since it was taken.
type Loss struct {
	Full   uint64 // because too many were waiting
	Unread uint64 // because they didn't fit into the socket's buffer
}

// State is a queue as the kernel sees it.
type State struct {
	Loss
	Number  uint16
	Waiting uint64 // packets in it at present
	Total   uint64 // packets that it got so far, but for those that were Full; modulo 2³²
}

// Status is the kernel's list of queues in one network namespace, to be read
// from any thread. Its methods are safe for concurrent use.
type Status struct {
	mu   sync.Mutex
	file *os.File
}

// OpenStatus opens the list of the calling thread's network namespace.
func OpenStatus() (*Status, error) {
	f, err := os.Open("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if err != nil {
		return nil, err
	}
	return &Status{file: f}, nil
}

// Close closes it.
func (s *Status) Close() error { return s.file.Close() }

// Read returns the queues with numbers from first on, n of them, as far as
// there are such, by number.
func (s *Status) Read(first uint16, n int) ([]State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(s.file)
	if err != nil {
		return nil, err
	}
	all, err := parseStates(b)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(q State) bool { return q.Number < first || int(q.Number) >= int(first)+n })
	slices.SortFunc(all, func(a, b State) int { return cmp.Compare(a.Number, b.Number) })
	return all, nil
}

// Losses returns the losses of the queues with numbers from first on, n of them,
// together, in the calling thread's network namespace.
func Losses(first uint16, n int) (sum Loss, err error) {
	s, err := OpenStatus()
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	all, err := s.Read(first, n)
	for _, q := range all {
		sum.Full += q.Full
		sum.Unread += q.Unread
	}
	return sum, err
}

// parseStates reads the kernel's list of queues.
//
// Kernel: net/netfilter/nfnetlink_queue.c, seq_show (6.1).
func parseStates(b []byte) ([]State, error) {
	var all []State
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		f := bytes.Fields(sc.Bytes())
		if len(f) < 8 {
			return nil, fmt.Errorf("no line about a queue: %q", sc.Text())
		}
		number, err := strconv.ParseUint(string(f[0]), 10, 16)
		q := State{Number: uint16(number)}
		for _, x := range []struct {
			to *uint64
			at int
		}{{&q.Waiting, 2}, {&q.Full, 5}, {&q.Unread, 6}, {&q.Total, 7}} {
			if err == nil {
				*x.to, err = strconv.ParseUint(string(f[x.at]), 10, 32)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line about a queue: %w", err)
		}
		all = append(all, q)
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	return all, nil
}
