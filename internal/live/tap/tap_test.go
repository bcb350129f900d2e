package tap

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"goipvs/hooks"
	"goipvs/internal/filter"
	"goipvs/internal/live/handed"
	"goipvs/internal/packettest"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	client = "198.51.100.1"
	vip    = "203.0.113.10"
	server = "10.1.0.11"
)

// stack is a machine whose packets go nowhere.
type stack struct{ *packettest.Stack }

// LocalOut implements xmit.Stack.
func (stack) LocalOut(*packet.Packet) {}

// newHub returns a hub over a director with a service of UDP by NAT, port 53.
func newHub(t testing.TB) *Hub {
	t.Helper()
	d := hooks.New(hooks.Config{Stack: stack{packettest.NewStack(vip)}, Shards: 8})
	k := sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoUDP, Addr: packettest.Addr(vip), Port: 53}
	err := d.AddService(sched.ServiceConfig{ServiceKey: k, Scheduler: "rr", Netmask: 0xffffffff})
	if err == nil {
		err = d.AddDest(k, sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr(server), Port: 53}, Weight: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return NewHub(Config{
		Director: d, Clock: time.Now(), IfName: func(int) string { return "eth0" },
		Services: func() []trace.Service { return nil }, Start: func(s *trace.Start) { s.Kernel = "test" },
	})
}

// request is a client's datagram, as it arrives.
func request(port uint16) *packet.Packet {
	h := packettest.IP{Src: client, Dst: vip}
	return packettest.Arrived(h.UDP(port, 53, []byte("hello")), true)
}

// pass has a packet handled as a worker does it.
func pass(h *Hub, s *Scribe, p *packet.Packet) {
	told := s.Begin(hooks.LocalIn, p)
	v := h.Director.Hook(hooks.LocalIn, p)
	switch {
	case !told:
		s.Missed(p)
	case v == xmit.Stolen:
		s.Event(p, handed.Sent{OutIf: 1})
		s.End()
	default:
		s.End()
	}
}

// reader follows a hub. What it was told may be looked at after done.
type reader struct {
	lines []any
	done  chan error
}

// follow begins to follow; each line waits at the gate, if there is one.
func follow(t *testing.T, h *Hub, o Options, gate <-chan struct{}) *reader {
	t.Helper()
	r := &reader{done: make(chan error, 1)}
	begun := make(chan struct{})
	var once sync.Once
	go func() {
		r.done <- h.Trace(o, func(b []byte) error {
			once.Do(func() { close(begun) })
			if gate != nil {
				<-gate
			}
			if len(b) == 0 {
				return nil
			}
			x, err := trace.ReadLine(b)
			r.lines = append(r.lines, x)
			return err
		})
	}()
	select {
	case <-begun:
	case err := <-r.done:
		t.Fatal(err)
	}
	return r
}

// sum is how many packets and ends were told of, and how many were lost.
func (r *reader) sum() (packets, lost, ends, others int) {
	for _, l := range r.lines {
		switch l := l.(type) {
		case *trace.Passage:
			if l.Type == "packet" {
				packets++
			} else {
				ends++
			}
		case *trace.Lost:
			lost += int(l.Packets)
			others += int(l.Others)
		}
	}
	return packets, lost, ends, others
}

// A reader that doesn't read holds nobody up, and is told how much it lost, exactly.
func TestSlowReader(t *testing.T) {
	h := newHub(t)
	gate := make(chan struct{})
	slow := follow(t, h, Options{}, gate)
	quick := follow(t, h, Options{}, nil)
	s := h.Scribe()
	const packets = 3 * queueLen
	for i := range packets {
		// Not by a second's share: what the reader doesn't take is to be seen.
		s.budget.left = burst
		pass(h, s, request(uint16(i)))
	}
	close(gate)
	h.Close()
	for _, r := range []*reader{slow, quick} {
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	}
	told, lost, _, _ := slow.sum()
	// When the hub closes, what waits is told of.
	if told+lost != packets || lost < packets-queueLen-1 {
		t.Errorf("told of %d packets, %d lost, of %d", told, lost, packets)
	}
	if told, lost, _, _ := quick.sum(); told+lost != packets || told == 0 {
		t.Errorf("the quick one was told of %d packets, %d lost, of %d", told, lost, packets)
	}
	if h.On() {
		t.Error("there is a tracer yet")
	}
}

// What comes faster than a worker's share of time for it is not put in words, and
// counted for those who wanted it; a packet that a filter wants comes before those
// of which it isn't known.
func TestBudget(t *testing.T) {
	h := newHub(t)
	now := time.Now()
	h.clock = func() time.Time { return now }
	parse := func(s string) *filter.Filter {
		f, err := filter.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	came := follow(t, h, Options{Filter: parse("src port 7")}, nil)
	left := follow(t, h, Options{Filter: parse("dst host " + server + " and src port 8")}, nil)
	none := follow(t, h, Options{Filter: parse("tcp")}, nil)
	s := h.Scribe()
	s.budget.last = now
	for range burst {
		s.budget.left = burst / 2
		pass(h, s, request(8))
		pass(h, s, request(7))
	}
	h.Close()
	for _, r := range []*reader{came, left, none} {
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	}
	if told, lost, _, _ := came.sum(); told == 0 || told+lost != burst {
		t.Errorf("wanted as they come: told of %d, %d lost", told, lost)
	}
	if told, lost, _, _ := left.sum(); told != 0 || lost != burst {
		t.Errorf("wanted as they leave: told of %d, %d lost", told, lost)
	}
	if told, lost, _, _ := none.sum(); told != 0 || lost != 0 {
		t.Errorf("not wanted: told of %d, %d lost", told, lost)
	}
}

// The ends of connections are told, with the number that a connection had before,
// to who wants everything.
func TestEnds(t *testing.T) {
	h := newHub(t)
	all := follow(t, h, Options{}, nil)
	f, _ := filter.Parse("udp")
	filtered := follow(t, h, Options{Filter: f}, nil)
	s := h.Scribe()
	pass(h, s, request(7))
	pass(h, s, request(8))
	h.Director.Advance(time.Hour)
	h.Close()
	<-all.done
	<-filtered.done
	var ended []int
	for _, l := range all.lines {
		if g, ok := l.(*trace.Passage); ok && g.Type == "timer" {
			ended = append(ended, g.Ended...)
			if g.Text == "" || len(g.Last) != 1 {
				t.Errorf("%+v", g)
			}
		}
	}
	if len(ended) != 2 || ended[0]+ended[1] != 3 {
		t.Errorf("ended: %v", ended)
	}
	if packets, _, ends, _ := filtered.sum(); packets != 2 || ends != 0 {
		t.Errorf("with a filter: %d packets, %d ends", packets, ends)
	}
}

// What left is told of with its checksum, though the packet in hand has none yet.
func TestLeavesSummed(t *testing.T) {
	h := newHub(t)
	r := follow(t, h, Options{}, nil)
	s := h.Scribe()
	pass(h, s, request(7))
	p := request(7)
	udp := p.Data()[packet.SizeIPv4:]
	binary.BigEndian.PutUint16(udp[6:], ^packet.Fold(packet.PseudoSum(packet.IPv4, packettest.Addr(client), packettest.Addr(vip), packet.ProtoUDP, len(udp))))
	p.Partial, p.Check = packet.SizeIPv4, 6
	pass(h, s, p)
	h.Close()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	var left []string
	for _, l := range r.lines {
		if g, ok := l.(*trace.Passage); ok && len(g.Outputs) == 1 {
			left = append(left, packettest.Text(g.Outputs[0].Frame))
		}
	}
	if len(left) != 2 || left[0] != left[1] {
		t.Errorf("with a checksum and without: %s", left)
	}
}

// There are no more tracers than may be, and each ends by itself.
func TestTracers(t *testing.T) {
	h := newHub(t)
	var all []*reader
	for i := range maxTracers {
		all = append(all, follow(t, h, Options{Packets: i + 1}, nil))
	}
	if err := h.Trace(Options{}, func([]byte) error { return nil }); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("one more: %v", err)
	}
	s := h.Scribe()
	for range maxTracers {
		pass(h, s, request(7))
	}
	for i, r := range all {
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		if told, lost, _, _ := r.sum(); told != i+1 || lost != 0 {
			t.Errorf("tracer %d: told of %d, %d lost", i, told, lost)
		}
	}
	gone := errors.New("gone")
	if err := h.Trace(Options{}, func([]byte) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("a reader that is gone: %v", err)
	}
	if h.On() {
		t.Error("there is a tracer yet")
	}
}

// Workers, tracers that come and go, ends of connections: all at once.
func TestTogether(t *testing.T) {
	h := newHub(t)
	var workers, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		workers.Go(func() {
			s := h.Scribe()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				pass(h, s, request(uint16(w<<12|i&0xfff)))
				if i%100 == 0 && w == 0 {
					h.Director.Advance(time.Duration(i) * time.Second)
				}
			}
		})
	}
	for range 4 {
		readers.Go(func() {
			for range 5 {
				err := h.Trace(Options{Packets: 20}, func(b []byte) error {
					if len(b) > 0 && !strings.HasPrefix(string(b), `{"type":"`) {
						t.Errorf("%.40s", b)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	workers.Wait()
}
