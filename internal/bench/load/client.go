package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Task is what a client does.
type Task struct {
	Kind  Kind
	To    netip.AddrPort
	Conns int           // connections at a time, or with Flood sockets
	For   time.Duration // and as long as it takes to end in order
	Size  int           // octets of a datagram
	Count uint64        // datagrams, after which Flood ends; 0: when the time is over
}

// Kind is a kind of load.
type Kind string

// The kinds of load.
const (
	Up       Kind = "up"       // streams to the server
	Down     Kind = "down"     // streams from the server
	Connects Kind = "connects" // connections with one question each, one after the other
	Requests Kind = "requests" // questions on connections that stay
	Flood    Kind = "flood"    // datagrams, as fast as they go
)

// Result is what came of a task.
type Result struct {
	Seconds  float64
	Octets   uint64  // Up, Down: of payload, received
	Answers  uint64  // Connects, Requests
	Sent     uint64  // Flood: datagrams
	P50, P99 float64 // Connects, Requests: microseconds from a question (Connects: from the SYN) to its answer
	Bad      uint64  // blocks or answers that are not what was sent
	Failed   uint64  // connections that broke or could not be made
}

// Run carries out a task. An error is about this machine, or says that streams
// hang; what went wrong with single connections is in the result.
func Run(t Task) (Result, error) {
	switch t.Kind {
	case Up, Down:
		return bulk(t)
	case Connects, Requests:
		return ask(t)
	case Flood:
		return flood(t)
	}
	return Result{}, fmt.Errorf("%q: no kind of load", t.Kind)
}

// patience is how long streams may take to end after their time.
const patience = 10 * time.Second

// stream is a client's stream.
type stream struct {
	source *source // Up
	sink   *sink   // Down
	begun  bool
}

// bulk runs streams until their time is over, and the last block of each was
// received.
func bulk(t Task) (r Result, err error) {
	p, err := newPoller()
	if err != nil {
		return r, err
	}
	defer p.close()
	streams := map[int]*stream{}
	defer func() {
		for fd := range streams {
			unix.Close(fd)
		}
	}()
	start := time.Now()
	for range t.Conns {
		fd, err := connect(t.To)
		if err != nil {
			return r, err
		}
		s := &stream{}
		if t.Kind == Up {
			s.source = newSource()
		} else {
			s.sink = &sink{}
		}
		streams[fd] = s
		if err := p.watch(fd, unix.EPOLLOUT); err != nil {
			return r, err
		}
	}
	for len(streams) > 0 {
		left := t.For + patience - time.Since(start)
		if left <= 0 {
			return r, fmt.Errorf("%d of %d streams did not end: %w", len(streams), t.Conns, unix.ETIMEDOUT)
		}
		events, err := p.wait(left)
		if err != nil {
			return r, err
		}
		for _, e := range events {
			fd, s := int(e.Fd), streams[int(e.Fd)]
			done, err := false, error(unix.ECONNRESET)
			if e.Events&broken == 0 {
				done, err = s.step(p, fd, t, time.Since(start) >= t.For, &r)
			}
			if err != nil {
				r.Failed++
			}
			if done || err != nil {
				delete(streams, fd)
				unix.Close(fd)
			}
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// step does for a stream what can be done now.
func (s *stream) step(p *poller, fd int, t Task, over bool, r *Result) (done bool, err error) {
	switch {
	case !s.begun:
		s.begun = true
		m, then := newMessage(opUp, 0), uint32(unix.EPOLLOUT)
		if s.sink != nil {
			m, then = newMessage(opDown, uint64(t.For.Milliseconds())), unix.EPOLLIN
		}
		_, err := unix.Write(fd, m[:])
		return false, errors.Join(err, p.change(fd, then))
	case s.sink != nil:
		err := s.sink.receive(fd)
		if s.sink.done || err != nil {
			r.Octets += s.sink.octets()
			r.Bad += s.sink.bad
		}
		return s.sink.done, err
	case !s.source.done:
		err := s.source.send(fd, over)
		if err == nil && s.source.done {
			err = p.change(fd, unix.EPOLLIN)
		}
		return false, err
	}
	var m message
	n, err := unix.Read(fd, m[:])
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	if err == nil && n != len(m) {
		err = fmt.Errorf("a report of %d octets", n)
	}
	if err != nil {
		return false, err
	}
	blocks, bad := m.report()
	r.Octets += blocks * blockSize
	r.Bad += bad
	if blocks != s.source.number+1 {
		r.Bad++
	}
	return true, nil
}
