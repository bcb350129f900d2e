package host

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

const (
	fragSrc = "198.51.100.1"
	fragDst = "203.0.113.10"
)

func tos(n byte) func([]byte) { return func(b []byte) { b[1] = n } }

// Features: G1.
func TestReassembly(t *testing.T) {
	whole := udp4(fragSrc, fragDst, 2000)
	at := func(off, n int, change ...func([]byte)) []byte { return cut4(whole, off, n, change...) }
	more := func(b []byte) { b[6] |= packet.FlagMF >> 8 }
	ok := "local 198.51.100.1 > 203.0.113.10"
	tests := []struct {
		name string
		in   [][]byte
		want string // "": nothing comes out
	}{
		{"in order", [][]byte{at(0, 800), at(800, 800), at(1600, 400)}, ok},
		{"backwards", [][]byte{at(1600, 400), at(800, 800), at(0, 800)}, ok},
		{"one twice", [][]byte{at(0, 800), at(0, 800), at(800, 1200)}, ok},
		{"part of one again", [][]byte{at(0, 800), at(80, 80), at(800, 1200)}, ok},
		{"one that two have, which came in order", [][]byte{at(0, 800), at(800, 800), at(400, 800), at(1600, 400)}, ok},
		{"one that two have, which didn't", [][]byte{at(800, 800), at(0, 800), at(400, 800), at(1600, 400)}, ""},
		{"overlap at the end", [][]byte{at(0, 800), at(792, 1208), at(800, 1200)}, ""},
		{"overlap in the middle", [][]byte{at(1600, 400), at(0, 800), at(792, 808), at(800, 800)}, ""},
		{"two ends", [][]byte{at(1600, 400), at(800, 800, func(b []byte) { b[6] = 0 }), at(0, 800)}, ""},
		{"beyond the end", [][]byte{at(1600, 400), at(1992, 8, more, func(b []byte) { b[7] += 4 }), at(0, 800), at(800, 800)}, ""},
		{"nothing in it", [][]byte{at(0, 800), at(800, 0), at(800, 1200)}, ""},
		{"cut to eights", [][]byte{at(0, 804), at(800, 1200)}, ok},
		{"the last is missing", [][]byte{at(0, 800), at(800, 800)}, ""},
		{"ECT(0) and CE", [][]byte{at(0, 800, tos(2)), at(800, 1200, tos(3))}, ok},
		{"no ECN and CE", [][]byte{at(0, 800), at(800, 1200, tos(3))}, ""},
		{"no ECN and ECT(1)", [][]byte{at(0, 800), at(800, 1200, tos(1))}, ""},
		{"the largest not to be cut", [][]byte{at(0, 800), at(800, 1200, df)}, "local 198.51.100.1 > 203.0.113.10 DF 0+2000"},
		{"a small one not to be cut", [][]byte{at(0, 800, df), at(800, 1200)}, ok},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			var got []string
			for _, f := range tt.in {
				got = append(got, w.in("eth0", f)...)
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
			if want != nil && !slices.Equal(w.raw[0][packet.SizeIPv4:], whole[packet.SizeIPv4:]) {
				t.Error("the payload differs")
			}
			if tt.name == "ECT(0) and CE" && w.raw[0][1] != 3 {
				t.Errorf("TOS %d", w.raw[0][1])
			}
		})
	}
}

func TestReassemblyTooLong(t *testing.T) {
	w := newWorld(t)
	var got []string
	whole := udp4(fragSrc, fragDst, 1400)
	for off := 0; off < 65600; off += 1400 {
		f := cut4(whole, 0, 1400, func(b []byte) {
			b[6], b[7] = byte(off/8>>8), byte(off/8)
			if off+1400 < 65600 {
				b[6] |= packet.FlagMF >> 8
			}
		})
		got = append(got, w.in("eth0", f)...)
	}
	if got != nil {
		t.Errorf("got %q", got)
	}
	if n := len(w.h.frags[0].queues); n != 0 {
		t.Errorf("%d queues are left", n)
	}
}

// TestReassemblyTimeout: after half a minute the sender is told, if the first
// fragment came; netfilter tells it only where it is the destination.
func TestReassemblyTimeout(t *testing.T) {
	w := newWorld(t)
	w.h.EnableDefrag(packet.IPv4)
	local, through := udp4(fragSrc, fragDst, 2000), udp4(fragSrc, "10.1.0.11", 2000)
	w.in("eth0", cut4(local, 0, 800))
	w.in("eth0", cut4(through, 0, 800))
	w.in("eth0", cut4(udp4("198.51.100.2", fragDst, 2000), 800, 800))
	w.h.Advance(w.now + 29*time.Second)
	if got := w.take(); got != nil {
		t.Errorf("before the time: %q", got)
	}
	w.h.Advance(w.now + 33*time.Second)
	if diff := cmp.Diff([]string{"eth0 0200000000fe 203.0.113.10 > 198.51.100.1 icmp 11/1"}, w.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if m := w.h.frags[0].mem; m != 0 {
		t.Errorf("%d octets are still accounted for", m)
	}
	w.now += 40 * time.Second
	if got := w.in("eth0", cut4(local, 800, 1200)); got != nil {
		t.Errorf("a fragment after the time: %q", got)
	}
	w.h.SetHooks(pass)
	w.in("eth0", cut6(udp6("2001:db8:c::1", "2001:db8:1::b", 2000), 0, 800, 7))
	w.h.Advance(w.now + 63*time.Second)
	if diff := cmp.Diff([]string{"eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 3/1"}, w.take()); diff != "" {
		t.Errorf("IPv6 (-want +got)\n%s", diff)
	}
}

// TestReassemblyLimits: too much waiting is refused, and a datagram whose sender
// sent too many other fragments meanwhile starts anew.
func TestReassemblyLimits(t *testing.T) {
	w := newWorld(t)
	id := func(n int) func([]byte) { return func(b []byte) { b[4], b[5] = byte(n>>8), byte(n) } }
	whole := udp4(fragSrc, fragDst, 2000)
	w.in("eth0", cut4(whole, 0, 800, id(1)))
	for n := range 70 {
		w.in("eth0", cut4(whole, 0, 800, id(100+n)))
	}
	if got := w.in("eth0", cut4(whole, 800, 1200, id(1))); got != nil {
		t.Errorf("seventy fragments later: %q", got)
	}
	for n := range 5000 {
		w.in("eth0", cut4(whole, 0, 800, id(1000+n)))
	}
	if m := w.h.frags[0].mem; m > fragHighMem+memory(0).truesize(1500)+fragQueueMem {
		t.Errorf("%d octets wait", m)
	}
	w.now += time.Minute
	w.h.Advance(w.now)
	w.take()
	w.in("eth0", cut4(whole, 0, 800))
	if got := w.in("eth0", cut4(whole, 800, 1200)); len(got) != 1 {
		t.Errorf("afterwards: %q", got)
	}
}

// gather are hooks that put fragments together as IPVS does.
func gather(w *world) stubHooks {
	return stubHooks{
		active: func(packet.Family) bool { return true },
		hook: func(pt hooks.Point, p *packet.Packet) xmit.Verdict {
			if p.Family == packet.IPv4 && p.IsFragment() && !w.h.Defrag(p, xmit.DefragForward) {
				return xmit.Stolen
			}
			return xmit.Accept
		},
	}
}

// TestGeometry: what was put together leaves in the cuts in which it came, if
// they fit; else in pieces no larger than the largest that came.
//
// Features: G1.
func TestGeometry(t *testing.T) {
	for _, tt := range []struct {
		name string
		mtu  int
		size int
		cuts []int
		want []string
	}{
		{"as it came", 1500, 2000, []int{496, 1200}, []string{"0+496…", "496+704…", "1200+800"}},
		{"a first fragment of eight octets", 1500, 2000, []int{8, 1000}, []string{"0+8…", "8+992…", "1000+1000"}},
		{"one doesn't fit", 1000, 2000, []int{400, 800}, []string{"0+976…", "976+976…", "1952+48"}},
		{"the largest is the measure", 1500, 2000, []int{800}, []string{"0+800…", "800+1200"}},
	} {
		w := newWorld(t)
		w.do(w.h.SetMTU("eth1", tt.mtu))
		w.h.SetHooks(gather(w))
		whole := udp4(fragSrc, "10.1.0.11", tt.size)
		var got []string
		ends := append(slices.Clone(tt.cuts), tt.size)
		for i, end := range ends {
			off := 0
			if i > 0 {
				off = ends[i-1]
			}
			got = append(got, w.in("eth0", cut4(whole, off, end-off))...)
		}
		var want []string
		for _, s := range tt.want {
			want = append(want, "eth1 02000000010b 198.51.100.1 > 10.1.0.11 "+s)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

// TestGeometryOfNAT: translating ports takes the transport header out of the
// pieces that it was spread over, so that the cuts no longer fit.
//
// Features: G1.
func TestGeometryOfNAT(t *testing.T) {
	w := newWorld(t)
	w.h.SetHooks(stubHooks{hook: func(pt hooks.Point, p *packet.Packet) xmit.Verdict {
		if p.IsFragment() && !w.h.Defrag(p, xmit.DefragForward) {
			return xmit.Stolen
		}
		p.Linearize(packet.SizeIPv4 + packet.SizeTCP)
		p.Data()[12] = 99
		packet.SetIPv4Checksum(p.Data(), 0)
		return xmit.Accept
	}})
	tcp := udp4(fragSrc, "10.1.0.11", 400, func(b []byte) { b[9] = packet.ProtoTCP })
	var got []string
	for _, c := range [][2]int{{0, 8}, {8, 8}, {16, 384}} {
		got = append(got, w.in("eth0", cut4(tcp, c[0], c[1]))...)
	}
	want := []string{
		"eth1 02000000010b 99.51.100.1 > 10.1.0.11 0+384…",
		"eth1 02000000010b 99.51.100.1 > 10.1.0.11 384+16",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Features: G2.
func TestFragments6(t *testing.T) {
	const src, dst = "2001:db8:c::1", "2001:db8:1::b"
	whole := udp6(src, dst, 2000)
	line := func(s string) string { return fmt.Sprintf("eth1 02000000010b %s > %s%s", src, dst, s) }
	feed := func(w *world, cuts ...[2]int) (got []string) {
		for _, c := range cuts {
			got = append(got, w.in("eth0", cut6(whole, c[0], c[1], 7))...)
		}
		return got
	}
	for _, tt := range []struct {
		name string
		cuts [][2]int
		want []string
	}{
		{"in order", [][2]int{{0, 800}, {800, 1200}}, []string{line(" 0+800…"), line(" 800+1200")}},
		{"backwards", [][2]int{{800, 1200}, {0, 800}}, []string{line(" 0+800…"), line(" 800+1200")}},
		{"one twice", [][2]int{{0, 800}, {0, 800}, {800, 1200}}, []string{line(" 0+800…"), line(" 800+1200")}},
		{"overlapping", [][2]int{{0, 800}, {792, 1208}, {800, 1200}}, nil},
		{"not of eights, left alone", [][2]int{{0, 804}}, []string{line(" 0+804…")}},
		{"without the ports, left alone", [][2]int{{0, 7}}, []string{line(" 0+7…")}},
		{"only a later one", [][2]int{{800, 1200}}, nil},
	} {
		w := newWorld(t)
		w.h.SetHooks(pass)
		if diff := cmp.Diff(tt.want, feed(w, tt.cuts...)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	w := newWorld(t)
	if diff := cmp.Diff([]string{line(" 800+1200"), line(" 0+800…")}, feed(w, [2]int{800, 1200}, [2]int{0, 800})); diff != "" {
		t.Errorf("without a service (-want +got)\n%s", diff)
	}
	w.h.SetHooks(pass)
	small := udp6(src, dst, 100)
	if diff := cmp.Diff([]string{line("")}, w.in("eth0", cut6(small, 0, 100, 8))); diff != "" {
		t.Errorf("a fragment that is all (-want +got)\n%s", diff)
	}
	w.do(w.h.SetMTU("eth1", 1280))
	want := []string{"eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 2/0 0x500"}
	if diff := cmp.Diff(want, feed(w, [2]int{0, 1240}, [2]int{1240, 760})); diff != "" {
		t.Errorf("fragments too big for the link (-want +got)\n%s", diff)
	}
}
