package live

import (
	"testing"
	"time"

	"goipvs/packet"
)

// icmp is an ICMP error for a host, of either family by its address.
func icmp(to string, typ, code uint8) *packet.Packet {
	a := ip(to)
	p := &packet.Packet{}
	if len(to) > 15 {
		b := make([]byte, 48)
		b[0], b[6], b[40], b[41] = 0x60, packet.ProtoICMPv6, typ, code
		copy(b[24:], a[:])
		p.Set(packet.IPv6, b, 0)
	} else {
		b := make([]byte, 28)
		b[0], b[9], b[20], b[21] = 0x45, packet.ProtoICMP, typ, code
		copy(b[16:20], a[:4])
		p.Set(packet.IPv4, b, 0)
	}
	p.Route = &packet.Route{}
	return p
}

func TestErrorLimit(t *testing.T) {
	now := time.Unix(1, 0)
	newLimit := func() *errorLimit {
		return &errorLimit{
			now: func() time.Time { return now }, perSecond: 1000, burst: 50,
			every: [2]time.Duration{time.Second, time.Second}, mask: 0x1818, peers: map[peer]bucket{},
		}
	}
	count := func(l *errorLimit, n int, p func(i int) *packet.Packet) (sent int) {
		for i := range n {
			if l.allow(p(i)) {
				sent++
			}
		}
		return sent
	}
	host := func(a string, typ, code uint8) func(int) *packet.Packet {
		return func(int) *packet.Packet { return icmp(a, typ, code) }
	}
	others := func(i int) *packet.Packet {
		p := icmp("192.0.2.1", 3, 3)
		p.Data()[18], p.Data()[19] = byte(i>>8), byte(i)
		return p
	}
	for _, c := range []struct {
		name string
		n    int
		p    func(int) *packet.Packet
		want int
	}{
		{"to one host", 20, host("192.0.2.1", 3, 3), 6},
		{"to one host, 6", 20, host("2001:db8:0:0::11", 1, 4), 6},
		{"to many", 200, others, 50},
		{"fragmentation needed", 100, host("192.0.2.1", 3, 4), 100},
		{"packet too big", 100, host("2001:db8:0:0::11", 2, 0), 100},
		{"of a type without limit", 100, host("192.0.2.1", 5, 0), 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := count(newLimit(), c.n, c.p); got != c.want {
				t.Errorf("%d sent, want %d", got, c.want)
			}
		})
	}
	t.Run("later", func(t *testing.T) {
		l := newLimit()
		count(l, 20, host("192.0.2.1", 3, 3))
		for range 3 {
			now = now.Add(time.Second)
			if got := count(l, 5, host("192.0.2.1", 3, 3)); got != 1 {
				t.Errorf("%d sent in a second, want 1", got)
			}
		}
		now = now.Add(time.Hour)
		if got := count(l, 20, host("192.0.2.1", 3, 3)); got != 6 {
			t.Errorf("%d sent after an hour, want 6", got)
		}
	})
	t.Run("on this host", func(t *testing.T) {
		l := newLimit()
		p := host("192.0.2.1", 3, 3)
		if got := count(l, 20, func(i int) *packet.Packet {
			q := p(i)
			q.Route = &packet.Route{Local: true}
			return q
		}); got != 20 {
			t.Errorf("%d sent, want all", got)
		}
	})
}
