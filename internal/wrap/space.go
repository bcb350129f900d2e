package wrap

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// space is a network namespace, with the answers on their way to sockets in it.
//
// Answers are put into a socket's own queue, by a socket of ours in the same
// namespace. What finds no room waits, and follows when the program reads, as a
// kernel's dump does. Our socket is there while something waits only, because it
// keeps the namespace alive.
type space struct {
	s *Supervisor

	mu      sync.Mutex
	out     int           // our socket; -1: none
	stop    chan struct{} // closed with it
	waiting map[uint64]*queue
}

// queue is what waits for a socket.
type queue struct {
	port      uint32
	owner     int // the process that asked or read last
	datagrams [][]byte
	size      int
}

// maxQueue is how many octets wait for a socket. A socket that asks on without
// reading so much gets ENOBUFS, as from the kernel, whose queues are shorter.
const maxQueue = 64 << 20

// lookEvery is how often it is looked whether somebody still wants what waits.
const lookEvery = 5 * time.Second

// space returns the space of a socket.
func (s *Supervisor) space(k *socket) *space {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.spaces[k.netns]
	if sp == nil {
		sp = &space{s: s, out: -1, waiting: map[uint64]*queue{}}
		s.spaces[k.netns] = sp
	}
	return sp
}

// deliver puts datagrams into a socket's queue, behind those that wait.
func (sp *space) deliver(k *socket, datagrams [][]byte) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	q := sp.waiting[k.inode]
	if q == nil {
		q = &queue{}
	}
	for _, d := range datagrams {
		if q.size += len(d); q.size > maxQueue {
			return unix.ENOBUFS
		}
		q.datagrams = append(q.datagrams, d)
	}
	q.port, q.owner = k.port, k.owner
	if sp.out < 0 {
		out, err := sp.s.open(k.ns)
		if err != nil {
			return err
		}
		sp.out, sp.stop = out, make(chan struct{})
		go sp.look(sp.stop)
	}
	sp.waiting[k.inode] = q
	sp.move(k.inode)
	return nil
}

// pump moves on what waits for a socket.
func (sp *space) pump(k *socket) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if q := sp.waiting[k.inode]; q != nil {
		q.owner = k.owner
		sp.move(k.inode)
	}
}

// move sends what the socket has room for. It is called with the lock held.
func (sp *space) move(inode uint64) {
	q := sp.waiting[inode]
	for len(q.datagrams) > 0 {
		err := unix.Sendto(sp.out, q.datagrams[0], unix.MSG_DONTWAIT, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: q.port})
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return
		}
		if err != nil { // ECONNREFUSED: it was closed
			break
		}
		q.size -= len(q.datagrams[0])
		q.datagrams = q.datagrams[1:]
	}
	sp.drop(inode)
}

// drop forgets what waits for a socket. It is called with the lock held.
func (sp *space) drop(inode uint64) {
	delete(sp.waiting, inode)
	if len(sp.waiting) == 0 && sp.out >= 0 {
		unix.Close(sp.out)
		sp.out = -1
		close(sp.stop)
	}
}

// look forgets now and then what waits for sockets that were closed. It ends
// with our socket.
func (sp *space) look(stop chan struct{}) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		sp.mu.Lock()
		for inode, q := range sp.waiting {
			if !holds(q.owner, inode) {
				sp.drop(inode)
			}
		}
		sp.mu.Unlock()
	}
}

// holds reports whether a process has a socket.
func holds(pid int, inode uint64) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	want := fmt.Sprintf("socket:[%d]", inode)
	for _, n := range names {
		if to, err := os.Readlink(filepath.Join(dir, n.Name())); err == nil && to == want {
			return true
		}
	}
	return false
}

// open makes a socket that answers come from. Its port id tells them from
// messages of others.
func (s *Supervisor) open(ns int) (int, error) {
	fd := -1
	err := s.home.within(ns, func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
		return err
	})
	if err != nil {
		return -1, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for port := s.port; ; port++ {
		err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
		if err == nil {
			s.ports[port] = true
			return fd, nil
		}
		if err != unix.EADDRINUSE {
			unix.Close(fd)
			return -1, err
		}
	}
}

// isOurs reports whether a message came from us.
func (s *Supervisor) isOurs(port uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports[port]
}
