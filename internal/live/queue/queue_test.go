package queue_test

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
	"goipvs/internal/live/rules"
	"goipvs/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bit = 1 << 30

// echo is a namespace with a UDP socket on loopback whose packets come to a
// queue on their way in.
type echo struct {
	ns   *nstest.NS
	q    queue.Queue
	conn *net.UDPConn // the server's
	c    *net.UDPConn // the client's
}

// both runs a test with each way of talking to the kernel.
func both(t *testing.T, f func(*testing.T, queue.IO)) {
	for _, io := range []queue.IO{queue.Batch, queue.NFQueue} {
		t.Run(io.String(), func(t *testing.T) { f(t, io) })
	}
}

func newEcho(t *testing.T, io queue.IO) *echo {
	ns := nstest.New(t)
	e := &echo{ns: ns}
	ns.Do(t, func() {
		var err error
		if e.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			t.Error(err)
			return
		}
		to := e.conn.LocalAddr().(*net.UDPAddr)
		if e.c, err = net.DialUDP("udp4", nil, to); err != nil {
			t.Error(err)
		}
		tables, err := rules.Open(rules.Config{Queue: 7, Queues: 1, Bit: bit})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = tables.Close() }()
		if e.q, err = queue.Listen(queue.Config{IO: io, Number: 7}); err != nil {
			t.Error(err)
			return
		}
		i := rules.NewInterest()
		i.Requests[rules.Endpoint{Protocol: packet.ProtoUDP, Addr: packet.Addr{127, 0, 0, 1}, Port: uint16(to.Port)}] = struct{}{}
		if err := tables.Apply(map[packet.Family]*rules.Interest{packet.IPv4: i}, nil); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		_ = e.conn.Close()
		_ = e.c.Close()
		_ = e.q.Close()
	})
	return e
}

// serve has the queue served and returns how to end it.
func (e *echo) serve(t *testing.T, h queue.Handler) (stop func()) {
	done := make(chan error)
	go func() { done <- e.q.Serve(h) }()
	return func() {
		if err := e.q.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (e *echo) send(t *testing.T, s string) {
	t.Helper()
	if _, err := e.c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

// receive returns what comes to the server, or "" where nothing does.
func (e *echo) receive(t *testing.T, wait time.Duration) string {
	t.Helper()
	b := make([]byte, 100)
	_ = e.conn.SetReadDeadline(time.Now().Add(wait))
	n, err := e.conn.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestVerdicts(t *testing.T) { both(t, testVerdicts) }

func testVerdicts(t *testing.T, io queue.IO) {
	e := newEcho(t, io)
	var hooks []uint8
	stop := e.serve(t, func(batch []queue.Packet, verdicts []queue.Verdict) {
		for i, p := range batch {
			hooks = append(hooks, p.Hook)
			b := p.Data()
			if p.Truncated() || p.Protocol != 0x0800 || len(b) < 29 {
				t.Errorf("packet %+v", p)
				continue
			}
			switch b[28] {
			case 'a', 'C':
				verdicts[i] = queue.Verdict{Action: queue.Accept}
			case 'd':
			case 'c':
				c := append([]byte(nil), b...)
				copy(c[28:], "Changed, and")
				c = append(c, "!!"...)
				binary.BigEndian.PutUint16(c[2:], uint16(len(c)))
				binary.BigEndian.PutUint16(c[24:], uint16(len(c)-20))
				binary.BigEndian.PutUint16(c[26:], 0)
				packet.SetIPv4Checksum(c, 0)
				verdicts[i] = queue.Verdict{Action: queue.Accept, Payload: c}
			case 'm':
				// With the bit it comes to no other queue rule: at LOCAL_IN.
				verdicts[i] = queue.Verdict{Action: queue.Accept, SetMark: true, Mark: bit}
			}
		}
	})
	e.send(t, "accepted")
	got := []string{e.receive(t, time.Minute)}
	e.send(t, "dropped")
	e.send(t, "changed, too")
	got = append(got, e.receive(t, time.Minute))
	e.send(t, "marked")
	got = append(got, e.receive(t, time.Minute))
	stop()
	if d := cmp.Diff([]string{"accepted", "Changed, and!!", "marked"}, got); d != "" {
		t.Errorf("received (-want +got):\n%s", d)
	}
	want := []uint8{queue.HookLocalOut, queue.HookLocalIn, queue.HookLocalOut, queue.HookLocalOut, queue.HookLocalIn, queue.HookLocalOut}
	if d := cmp.Diff(want, hooks); d != "" {
		t.Errorf("hooks (-want +got):\n%s", d)
	}
}

// Nothing passes a queue that nobody serves.
func TestClosedDrops(t *testing.T) { both(t, testClosedDrops) }

func testClosedDrops(t *testing.T, io queue.IO) {
	e := newEcho(t, io)
	if err := e.q.Close(); err != nil {
		t.Fatal(err)
	}
	e.send(t, "x")
	if got := e.receive(t, 50*time.Millisecond); got != "" {
		t.Errorf("received %q", got)
	}
}

// What waits when the queue is taken, and what comes while it isn't served, is
// served later.
func TestWaits(t *testing.T) { both(t, testWaits) }

func testWaits(t *testing.T, io queue.IO) {
	e := newEcho(t, io)
	e.send(t, "early")
	stop := e.serve(t, func(batch []queue.Packet, verdicts []queue.Verdict) {
		for i := range verdicts {
			verdicts[i].Action = queue.Accept
		}
	})
	defer stop()
	if got := e.receive(t, time.Minute); got != "early" {
		t.Errorf("received %q", got)
	}
}

func TestBusy(t *testing.T) { both(t, testBusy) }

func testBusy(t *testing.T, io queue.IO) {
	e := newEcho(t, io)
	e.ns.Do(t, func() {
		q, err := queue.Listen(queue.Config{IO: io, Number: 7})
		if !errors.Is(err, queue.ErrBusy) {
			t.Errorf("error %v", err)
		}
		if err == nil {
			_ = q.Close()
		}
	})
}
