package host

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// world is a host with two interfaces that forwards, and what leaves it, each
// thing a line.
type world struct {
	t   *testing.T
	h   *Host
	now time.Duration
	out []string
	raw [][]byte
}

var (
	mac0     = [6]byte{2, 0, 0, 0, 0, 1}
	mac1     = [6]byte{2, 0, 0, 0, 1, 1}
	gateway  = [6]byte{2, 0, 0, 0, 0, 0xfe}
	server   = [6]byte{2, 0, 0, 0, 1, 11}
	everyone = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

func (w *world) Frame(ifname string, frame []byte) {
	w.out = append(w.out, fmt.Sprintf("%s %x %s", ifname, frame[:6], describe(frame[etherLen:])))
	w.raw = append(w.raw, append([]byte(nil), frame[etherLen:]...))
}

func (w *world) Local(b []byte) {
	w.out = append(w.out, "local "+describe(b))
	w.raw = append(w.raw, append([]byte(nil), b...))
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Second}
	w.h = New(Config{Sink: w, Now: w.now})
	w.do(w.h.AddInterface("eth0", Ethernet))
	w.do(w.h.AddInterface("eth1", Ethernet))
	w.do(w.h.SetMAC("eth0", mac0))
	w.do(w.h.SetMAC("eth1", mac1))
	for _, a := range [][2]string{{"eth0", "192.0.2.1/24"}, {"eth1", "10.1.0.1/24"}, {"eth0", "2001:db8:a::1/64"}, {"eth1", "2001:db8:1::1/64"}} {
		w.do(w.h.AddAddr(a[0], netip.MustParsePrefix(a[1])))
	}
	w.do(w.h.SetUp("eth0", true))
	w.do(w.h.SetUp("eth1", true))
	w.route("0.0.0.0/0", "192.0.2.254")
	w.route("::/0", "2001:db8:a::fe")
	w.do(w.h.AddNeigh("eth0", netip.MustParseAddr("192.0.2.254"), gateway))
	w.do(w.h.AddNeigh("eth0", netip.MustParseAddr("2001:db8:a::fe"), gateway))
	w.do(w.h.AddNeigh("eth1", netip.MustParseAddr("10.1.0.11"), server))
	w.do(w.h.AddNeigh("eth1", netip.MustParseAddr("2001:db8:1::b"), server))
	w.do(w.h.AddInterface("ipvs0", Dummy))
	w.do(w.h.AddAddr("ipvs0", netip.MustParsePrefix("203.0.113.10/32")))
	w.h.SetForwarding(packet.IPv4, true)
	w.h.SetForwarding(packet.IPv6, true)
	return w
}

func (w *world) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) route(dst, via string) {
	w.t.Helper()
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix(dst), Via: netip.MustParseAddr(via)}))
}

// in lets a datagram arrive and returns what left since the last time.
func (w *world) in(ifname string, b []byte) []string {
	w.t.Helper()
	mac := mac0
	if ifname == "eth1" {
		mac = mac1
	}
	return w.inTo(ifname, mac, b)
}

func (w *world) inTo(ifname string, mac [6]byte, b []byte) []string {
	w.t.Helper()
	typ := uint16(etherIPv4)
	if len(b) > 0 && b[0]>>4 == 6 {
		typ = etherIPv6
	}
	f := append(append(mac[:], gateway[:]...), byte(typ>>8), byte(typ))
	w.do(w.h.Receive(ifname, append(f, b...), w.now))
	return w.take()
}

// take returns what left and forgets it.
func (w *world) take() []string {
	out := w.out
	w.out = nil
	return out
}

// describe says of a datagram what tests look at.
func describe(b []byte) string {
	f := packet.Family(b[0] >> 4)
	var h packet.Header
	if f != packet.IPv4 && f != packet.IPv6 || !packet.ParseHeader(f, b, 0, &h) || h.Len > len(b) {
		return fmt.Sprintf("%x", b)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s > %s", h.Src.Netip(f), h.Dst.Netip(f))
	if f == packet.IPv4 {
		if word := packet.Fragmentation(b, 0); word&^0x8000 != 0 {
			fmt.Fprintf(&s, " %s%d+%d", map[bool]string{true: "DF "}[word&packet.FlagDF != 0], int(word&packet.FragMask)*8, len(b)-h.Len)
			if word&packet.FlagMF != 0 {
				s.WriteString("…")
			}
		}
		if packet.Fold(packet.Sum(b[:h.Len], 0)) != 0 {
			s.WriteString(" wrong checksum")
		}
	} else if h.Fragment && b[6] == packet.ExtFragment {
		word := binary.BigEndian.Uint16(b[packet.SizeIPv6+2:])
		fmt.Fprintf(&s, " %d+%d", word&^7, len(b)-packet.SizeIPv6-sizeFragHeader)
		if word&1 != 0 {
			s.WriteString("…")
		}
	}
	if (h.Protocol == packet.ProtoICMP || h.Protocol == packet.ProtoICMPv6) && len(b) >= h.Len+packet.SizeICMP {
		fmt.Fprintf(&s, " icmp %d/%d", b[h.Len], b[h.Len+1])
		if x := binary.BigEndian.Uint32(b[h.Len+4:]); x != 0 {
			fmt.Fprintf(&s, " %#x", x)
		}
	}
	return s.String()
}

// udp4 makes an IPv4 datagram with UDP's protocol and n octets behind the
// header.
func udp4(src, dst string, n int, change ...func(b []byte)) []byte {
	b := make([]byte, packet.SizeIPv4+n)
	b[0], b[8], b[9] = 0x45, 64, packet.ProtoUDP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[5] = 1
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	for i := range n {
		b[packet.SizeIPv4+i] = byte(i)
	}
	for _, f := range change {
		f(b)
	}
	packet.SetIPv4Checksum(b, 0)
	return b
}

// udp6 makes an IPv6 datagram with UDP's protocol and n octets behind the
// header.
func udp6(src, dst string, n int) []byte {
	b := make([]byte, packet.SizeIPv6+n)
	b[0], b[6], b[7] = 0x60, packet.ProtoUDP, 64
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	for i := range n {
		b[packet.SizeIPv6+i] = byte(i)
	}
	return b
}

func df(b []byte)             { b[6] |= packet.FlagDF >> 8 }
func ttl(n byte) func([]byte) { return func(b []byte) { b[8] = n } }

// cut4 returns the octets off to off+n of a datagram's payload as a fragment.
func cut4(b []byte, off, n int, change ...func([]byte)) []byte {
	ihl := int(b[0]&0xf) * 4
	f := append(append([]byte(nil), b[:ihl]...), b[ihl+off:ihl+off+n]...)
	binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
	word := uint16(off / 8)
	if ihl+off+n < len(b) {
		word |= packet.FlagMF
	}
	binary.BigEndian.PutUint16(f[6:], word)
	for _, c := range change {
		c(f)
	}
	packet.SetIPv4Checksum(f, 0)
	return f
}

// cut6 is cut4 for IPv6.
func cut6(b []byte, off, n int, id byte) []byte {
	f := append([]byte(nil), b[:packet.SizeIPv6]...)
	word := uint16(off)
	if packet.SizeIPv6+off+n < len(b) {
		word |= 1
	}
	f = append(f, b[6], 0, byte(word>>8), byte(word), 0, 0, 0, id)
	f[6] = packet.ExtFragment
	f = append(f, b[packet.SizeIPv6+off:packet.SizeIPv6+off+n]...)
	binary.BigEndian.PutUint16(f[4:], uint16(len(f)-packet.SizeIPv6))
	return f
}

// stubHooks are hooks of a test.
type stubHooks struct {
	active func(packet.Family) bool
	hook   func(hooks.Point, *packet.Packet) xmit.Verdict
}

func (s stubHooks) Active(f packet.Family) bool { return s.active != nil && s.active(f) }

func (s stubHooks) Hook(pt hooks.Point, p *packet.Packet) xmit.Verdict {
	if s.hook == nil {
		return xmit.Accept
	}
	return s.hook(pt, p)
}

// pass are hooks that exist and let everything pass.
var pass = stubHooks{active: func(packet.Family) bool { return true }}
