package host

import (
	"net/netip"
	"testing"
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// FuzzReceive: whatever arrives, and whatever the hooks do with it, nothing
// panics, and what leaves is no longer than its link allows.
func FuzzReceive(f *testing.F) {
	for _, b := range [][]byte{
		udp4("198.51.100.1", "203.0.113.10", 20),
		udp4("198.51.100.1", "10.1.0.11", 1400),
		cut4(udp4("198.51.100.1", "10.1.0.11", 1400), 400, 800),
		withOptions("198.51.100.1", "10.1.0.11", []byte{7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0}, 8),
		udp6("2001:db8:c::1", "2001:db8:1::b", 20),
		cut6(udp6("2001:db8:c::1", "2001:db8:1::b", 2000), 0, 800, 7),
	} {
		f.Add(byte(0), b)
		f.Add(byte(7), b)
	}
	f.Fuzz(func(t *testing.T, how byte, b []byte) {
		w := newWorld(t)
		w.do(w.h.SetMTU("eth1", 1280))
		w.do(w.h.AddRule(RuleSpec{Family: packet.IPv4, Mark: 3, Table: 100}))
		w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("0.0.0.0/0"), Type: LocalRoute, Dev: "lo", Table: 100}))
		w.do(w.h.AddMark(MarkRule{Family: packet.IPv4, Protocol: packet.ProtoTCP, HasDPort: true, DPort: 80, Mark: 3}))
		w.do(w.h.AddMark(MarkRule{Family: packet.IPv6, Protocol: packet.ProtoTCP, HasDPort: true, DPort: 80, Mark: 3}))
		if how&1 != 0 {
			w.h.SetHooks(stubHooks{
				active: func(packet.Family) bool { return how&2 != 0 },
				hook: func(_ hooks.Point, p *packet.Packet) xmit.Verdict {
					if how&4 != 0 && p.Family == packet.IPv4 && p.IsFragment() && !w.h.Defrag(p, xmit.DefragIn) {
						return xmit.Stolen
					}
					if how&8 != 0 {
						w.h.Reroute(p)
					}
					return xmit.Accept
				},
			})
		}
		for _, ifname := range []string{"eth0", "eth1"} {
			w.in(ifname, b)
			_ = w.h.SendLocal(b, w.now)
		}
		w.now += 2 * time.Minute
		w.h.Advance(w.now)
		if len(w.h.frags[0].queues)+len(w.h.frags[1].queues)+len(w.h.asked) != 0 {
			t.Error("something waits for ever")
		}
		for _, b := range w.raw {
			if len(b) > loopbackMTU {
				t.Errorf("%d octets", len(b))
			}
		}
	})
}

// FuzzReassembly: fragments of every size in every order give the datagram, its
// first octets, or nothing; never other octets.
func FuzzReassembly(f *testing.F) {
	f.Add(false, []byte{0, 10, 10, 10, 20, 10})
	f.Add(false, []byte{20, 10, 0, 10, 10, 10})
	f.Add(true, []byte{0, 10, 8, 10, 10, 20})
	f.Add(true, []byte{0, 30})
	f.Fuzz(func(t *testing.T, six bool, cuts []byte) {
		w := newWorld(t)
		w.h.SetHooks(pass)
		const size = 30 * 8
		whole, head := udp4("198.51.100.1", "203.0.113.10", size), packet.SizeIPv4
		if six {
			whole, head = udp6("2001:db8:c::1", "2001:db8:a::1", size), packet.SizeIPv6
		}
		for i := 0; i+1 < len(cuts); i += 2 {
			off := int(cuts[i]) % 31 * 8
			n := min(int(cuts[i+1])%31*8, size-off)
			if six {
				w.in("eth0", cut6(whole, off, n, 9))
			} else {
				w.in("eth0", cut4(whole, off, n))
			}
		}
		for _, b := range w.raw {
			if six && b[6] == packet.ExtFragment {
				continue // left alone
			}
			if len(b) != len(whole) || string(b[head:]) != string(whole[head:]) {
				t.Errorf("put together: %x", b)
			}
		}
		for i := range w.h.frags {
			mem := 0
			for q := w.h.frags[i].first; q != nil; q = q.next {
				mem += q.mem
			}
			if mem != w.h.frags[i].mem {
				t.Errorf("%d octets are accounted for, %d wait", w.h.frags[i].mem, mem)
			}
		}
	})
}
