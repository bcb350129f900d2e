package wrap

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// Supervisor answers the calls of one filter.
type Supervisor struct {
	listener listener
	window   Window
	log      func(format string, args ...any)
	home     *home
	pool     *daemonPool
	files    *files          // nil: /proc is left alone
	started  *startedDaemons // nil: none is started

	mu     sync.Mutex
	spaces map[uint64]*space // by network namespace
	ports  map[uint32]bool   // whose messages are answers of ours
	port   uint32            // the one to try first
	wg     sync.WaitGroup
}

// serve answers calls until no process has the filter any more. Calls that have
// to wait for a daemon or a message do so beside the others.
func (s *Supervisor) serve() error {
	s.listener.open()
	for {
		n, err := s.listener.receive()
		if errors.Is(err, errEnded) {
			break
		}
		if err != nil {
			return err
		}
		c := &call{n, s}
		o := c.handle()
		if o.later == nil {
			s.answer(c, o)
			continue
		}
		s.wg.Go(func() { s.answer(c, o.later()) })
	}
	s.wg.Wait()
	return nil
}

// answer ends a call.
func (s *Supervisor) answer(c *call, o outcome) {
	r := response{id: c.id, val: o.value, errno: -int32(o.errno)}
	if o.pass {
		r.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	if o.errno != 0 {
		r.val = 0
	}
	if err := s.listener.respond(r); err != nil {
		s.log("thread %d, system call %d: answered too late: %v", c.tid, c.nr, err)
	}
}
