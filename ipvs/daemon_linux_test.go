package ipvs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// play is a daemon that answers as a test says.
type play struct {
	t    *testing.T
	path string
	l    *net.UnixListener
	wg   sync.WaitGroup

	mu    sync.Mutex
	conns []*net.UnixConn
}

// newPlay starts a daemon, at the place where handles of the program's own network
// namespace find one, that answers each request with what say returns; nil hangs
// up.
func newPlay(t *testing.T, say func(req []byte) [][]byte) *play {
	t.Helper()
	p := &play{t: t, path: filepath.Join(t.TempDir(), "goipvs.sock")}
	t.Setenv(socketVariable, p.path)
	p.start(say)
	t.Cleanup(p.stop)
	return p
}

func (p *play) start(say func(req []byte) [][]byte) {
	p.t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: p.path, Net: "unixpacket"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.l = l
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			p.wg.Add(1)
			go func() {
				defer p.wg.Done()
				defer c.Close()
				b := make([]byte, maxAnswer)
				for {
					n, err := c.Read(b)
					if err != nil || n == 0 {
						return
					}
					answers := say(b[:n])
					if answers == nil {
						return
					}
					for _, a := range answers {
						if _, err := c.Write(a); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
}

// stop ends the daemon with its connections.
func (p *play) stop() {
	_ = p.l.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *play) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// agree acknowledges a request.
func agree(req []byte) [][]byte {
	return [][]byte{datagram(syscall.NLMSG_ERROR, ne.Uint32(req[8:]), number(0))}
}

func newHandle(t *testing.T) *Handle {
	t.Helper()
	h, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// Many handles have one connection, and any of them may be closed.
func TestSharedConnection(t *testing.T) {
	p := newPlay(t, agree)
	var all []*Handle
	for n := 0; n < 100; n++ {
		h := newHandle(t)
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			h.Close()
			h.Close()
			if err := h.Flush(); err != errClosed {
				t.Errorf("a closed handle: %v", err)
			}
			if n > 0 { // the first was the only one
				continue
			}
		}
		all = append(all, h)
	}
	if n := p.connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
	for _, h := range all {
		h.Close()
	}
	if len(daemons.by) != 0 {
		t.Errorf("%d daemons are held", len(daemons.by))
	}
	if err := (&Handle{}).Flush(); err != errClosed {
		t.Errorf("no handle: %v", err)
	}
}

// A daemon that is started anew is found.
func TestDaemonRestarts(t *testing.T) {
	p := newPlay(t, agree)
	h := newHandle(t)
	p.stop()
	done := make(chan error)
	go func() { done <- h.Flush() }()
	p.start(agree)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for n := 0; n < 10; n++ {
		p.stop()
		p.start(agree)
		if err := h.Flush(); err != nil {
			t.Error(err)
		}
	}
}

// Where one was waited for in vain, the next request says so at once. Closing a
// handle ends the waiting.
func TestDaemonGone(t *testing.T) {
	p := newPlay(t, agree)
	h := newHandle(t)
	p.stop()
	h.d.drop()
	h.d.lost = true
	if err := h.Flush(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := New(""); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	h.d.lost = false
	done := make(chan error)
	go func() { done <- h.Flush() }()
	h.Close()
	if err := <-done; !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

// What a daemon answers that it shouldn't, and hanging up, is an error, after
// which the next request has a new connection.
func TestBadDaemon(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  func(req []byte) [][]byte
	}{
		{"hangs up", func([]byte) [][]byte { return nil }},
		{"another sequence number", func(req []byte) [][]byte {
			return [][]byte{datagram(syscall.NLMSG_ERROR, ne.Uint32(req[8:])+1, number(0))}
		}},
		{"too long", func(req []byte) [][]byte { return [][]byte{make([]byte, maxAnswer+1)} }},
		{"without timeouts", agree},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newPlay(t, func(req []byte) [][]byte {
				if req[nlHeader] == cmdFlush {
					return agree(req)
				}
				return tt.say(req)
			})
			h := newHandle(t)
			if c, err := h.GetConfig(); err == nil {
				t.Errorf("%+v", c)
			}
			if err := h.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	newPlay(t, agree)
	if err := newHandle(t).SetConfig(nil); err != syscall.EINVAL {
		t.Error(err)
	}
}

// Requests of several goroutines don't meet.
func TestConcurrent(t *testing.T) {
	newPlay(t, func(req []byte) [][]byte {
		typ := int32(ne.Uint16(req[nlHeader+genlHeader+attrHeader+attrHeader:]))
		return [][]byte{datagram(syscall.NLMSG_ERROR, ne.Uint32(req[8:]), number(-typ))}
	})
	h := newHandle(t)
	var wg sync.WaitGroup
	for n := 1; n <= 8; n++ {
		n := n
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range make([]struct{}, 50) {
				if err := h.NewService(&Service{AddressFamily: uint16(n)}); err != syscall.Errno(n) {
					t.Errorf("%v, want %v", err, syscall.Errno(n))
				}
			}
		}()
	}
	wg.Wait()
}

func TestNetns(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(socketVariable, filepath.Join(dir, "goipvs.sock"))
	for _, tt := range []struct {
		name, path string
		err        error
	}{
		{"nothing", filepath.Join(dir, "nosuch"), syscall.ENOENT},
		{"a file", "/proc/self/status", syscall.EINVAL},
		{"another kind of namespace", "/proc/self/ns/mnt", syscall.EINVAL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.path); !errors.Is(err, tt.err) {
				t.Error(err)
			}
		})
	}
	if err := os.Mkdir(filepath.Join(dir, announced), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{filepath.Join(dir, "goipvs.sock"), filepath.Join(dir, announced, fmt.Sprint(home))} {
		if got, err := socketOf("/proc/self/ns/net"); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
		if err := os.Symlink("/nowhere", filepath.Join(dir, announced, fmt.Sprint(home))); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}
