package load

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// asker asks the questions of a task and takes the time.
type asker struct {
	*poller
	Task
	conns  []asking // by descriptor
	number uint64   // of the last question
	took   []uint32 // nanoseconds from question to answer
	result Result
}

// asking is a connection.
type asking struct {
	question message
	since    time.Time
	ready    bool // connected
}

func ask(t Task) (Result, error) {
	p, err := newPoller()
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	a := &asker{poller: p, Task: t, took: make([]uint32, 0, 1<<20)}
	defer func() {
		for fd := range a.conns {
			if !a.conns[fd].since.IsZero() {
				unix.Close(fd)
			}
		}
	}()
	start := time.Now()
	for range t.Conns {
		if err := a.open(); err != nil {
			return a.result, err
		}
	}
	for {
		left := t.For - time.Since(start)
		if left <= 0 {
			break
		}
		events, err := a.wait(left)
		if err != nil {
			return a.result, err
		}
		for _, e := range events {
			if err := a.event(int(e.Fd), e.Events); err != nil {
				return a.result, err
			}
		}
	}
	r := &a.result
	r.Seconds = time.Since(start).Seconds()
	r.Answers = uint64(len(a.took))
	if n := len(a.took); n > 0 {
		slices.Sort(a.took)
		r.P50, r.P99 = float64(a.took[n/2])/1e3, float64(a.took[n*99/100])/1e3
	}
	return *r, nil
}

// open begins a connection.
func (a *asker) open() error {
	fd, err := connect(a.To)
	if err != nil {
		return err
	}
	for fd >= len(a.conns) {
		a.conns = append(a.conns, asking{})
	}
	a.conns[fd] = asking{since: time.Now()}
	return a.watch(fd, unix.EPOLLOUT)
}

// event does what can be done for a connection. A connection that fails, or is
// done with, makes way for another one.
func (a *asker) event(fd int, events uint32) error {
	c := &a.conns[fd]
	over, err := false, error(unix.ECONNRESET)
	if events&broken == 0 {
		over, err = a.step(fd, c)
	}
	if err != nil {
		a.result.Failed++
	}
	if err == nil && !over {
		return nil
	}
	*c = asking{}
	// With a reset, so that no port has to wait.
	err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	return errors.Join(err, unix.Close(fd), a.open())
}

func (a *asker) step(fd int, c *asking) (over bool, err error) {
	if !c.ready {
		c.ready = true
		if a.Kind == Requests {
			c.since = time.Now()
		}
		return false, errors.Join(a.change(fd, unix.EPOLLIN), a.question(fd, c))
	}
	var m message
	n, err := unix.Read(fd, m[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, unix.ECONNRESET
	}
	now := time.Now()
	if m != c.question {
		a.result.Bad++
	}
	a.took = append(a.took, uint32(min(now.Sub(c.since), 1<<32-1)))
	if a.Kind == Connects {
		return true, nil
	}
	c.since = now
	return false, a.question(fd, c)
}

func (a *asker) question(fd int, c *asking) error {
	a.number++
	c.question = newMessage(opEcho, a.number)
	_, err := unix.Write(fd, c.question[:])
	return err
}
