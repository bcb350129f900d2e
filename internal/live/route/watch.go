package route

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// groups are the multicast groups of rtnetlink that tell of what routes depend
// on.
var groups = []uint{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
}

// breather is how long news may gather after some was told, so that a routing
// daemon at work doesn't cost more than it must.
const breather = 2 * time.Millisecond

// watcher tells of changes, from a goroutine of its own.
type watcher struct {
	socket *nl.NetlinkSocket
	closed chan struct{}
	done   chan struct{}
}

func watch(changed func()) (*watcher, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, groups...)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	w := &watcher{s, make(chan struct{}), make(chan struct{})}
	go w.run(changed)
	return w, nil
}

func (w *watcher) run(changed func()) {
	defer close(w.done)
	for {
		// What was said is of no interest, nor that something was lost
		// (ENOBUFS): either way something changed.
		if _, _, err := w.socket.Receive(); errors.Is(err, os.ErrClosed) {
			return
		}
		changed()
		select {
		case <-w.closed:
			return
		case <-time.After(breather):
		}
		if w.drain() {
			changed()
		}
	}
}

// drain reads what is there and reports whether there was anything. It ends with
// any error but that news was lost: a socket closed meanwhile says so in more
// than one way.
func (w *watcher) drain() (any bool) {
	w.timeout(time.Microsecond)
	defer w.timeout(0)
	for {
		if _, _, err := w.socket.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return any
		}
		any = true
	}
}

func (w *watcher) timeout(d time.Duration) {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	_ = w.socket.SetReceiveTimeout(&tv) // it only stores it
}

func (w *watcher) close() {
	close(w.closed)
	w.socket.Close()
	<-w.done
}
