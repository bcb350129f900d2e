package load

import (
	"bufio"
	"context"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"goipvs/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is a namespace with a server in it.
func loopback(t *testing.T) *lab.Netns {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	ns, err := lab.NewNetns("loopback")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	err = ns.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- ns.Do(func() error { return Serve(ctx, w) })
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		t.Fatalf("server said %q, %v", line, err)
	}
	return ns
}

func TestLoads(t *testing.T) {
	ns := loopback(t)
	for _, c := range []struct {
		kind Kind
		ok   func(Result) bool
	}{
		{Up, func(r Result) bool { return r.Octets >= 2*blockSize }},
		{Down, func(r Result) bool { return r.Octets >= 2*blockSize }},
		{Connects, func(r Result) bool { return r.Answers > 0 && r.P50 > 0 && r.P99 >= r.P50 }},
		{Requests, func(r Result) bool { return r.Answers > 0 && r.P50 > 0 && r.P99 >= r.P50 }},
		{Flood, func(r Result) bool { return r.Sent > 0 }},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			var r Result
			err := ns.Do(func() (err error) {
				r, err = Run(Task{Kind: c.kind, To: netip.MustParseAddrPort("127.0.0.1:7000"), Conns: 2, For: 50 * time.Millisecond, Size: 18})
				return err
			})
			if err != nil || !c.ok(r) || r.Bad != 0 || r.Failed != 0 || r.Seconds < 0.05 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	ns := loopback(t)
	var r Result
	err := ns.Do(func() (err error) {
		r, err = Run(Task{Kind: Up, To: netip.MustParseAddrPort("127.0.0.1:1"), Conns: 2, For: time.Millisecond})
		return err
	})
	if err != nil || r.Failed != 2 || r.Octets != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Run(Task{Kind: "sideways"}); err == nil {
		t.Error("no error for a kind of load that there is not")
	}
}

// stream sends blocks through a pipe, which change may change, and returns the
// receiver's end.
func send(t *testing.T, blocks int, change func(i int, b []byte)) *sink {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	s, k := newSource(), &sink{}
	changed := -1
	for !k.done {
		if i := int(s.number); i != changed && s.at == 0 {
			change(i, s.blocks[i%noises])
			changed = i
		}
		if err := s.send(fds[1], int(s.number)+1 >= blocks-1); err != nil {
			t.Fatal(err)
		}
		if err := k.receive(fds[0]); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func TestBlocksAreVerified(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(i int, b []byte)
		bad    uint64
	}{
		{"as they should be", func(int, []byte) {}, 0},
		{"one bit of the noise", func(i int, b []byte) {
			if i == 2 {
				b[1000] ^= 4
			}
		}, 1},
		{"the checksum", func(i int, b []byte) {
			if i == 3 {
				b[sumAt] ^= 1
			}
		}, 1},
		{"the place of one in another's", func(i int, b []byte) {
			if i == 1 {
				copy(b, noise[0])
			}
		}, 1},
		{"the number", func(i int, b []byte) {
			if i == 1 {
				b[numberAt+7] = 9
			}
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if k := send(t, 5, c.change); k.blocks != 5 || k.bad != c.bad {
				t.Errorf("%d blocks, %d bad, want 5 and %d", k.blocks, k.bad, c.bad)
			}
		})
	}
}
