package live

import (
	"testing"
	"time"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// A host that was told the path's MTU cuts what is longer; so what is longer was
// cut, as long as it remembers.
func TestPathMTUs(t *testing.T) {
	client, vip, other := "2001:db8:a::1", "2001:db8:f::10", "2001:db8:f::11"
	datagram := func(src, dst string, n int) []byte {
		return packettest.IP{Src: src, Dst: dst}.UDP(1, 2, make([]byte, n-packet.SizeIPv6-packet.SizeUDP))
	}
	now := time.Unix(0, 0)
	s := newPathMTUs()
	s.now = func() time.Time { return now }
	if s.cuts(datagram(client, vip, 1498)) {
		t.Error("nobody was told anything")
	}
	quoted := datagram(client, vip, 1498)[:1240]
	for _, b := range [][]byte{
		packettest.IP{Src: vip, Dst: client}.ICMP(1, 4, 0, quoted), // another error
		packettest.IP{Src: vip, Dst: client}.ICMP(2, 0, 1460, quoted[:39]),
		packettest.IP{Src: "192.0.2.1", Dst: "192.0.2.2"}.ICMP(2, 0, 1460, quoted),
	} {
		s.note(packettest.Made(b, false))
	}
	if s.some.Load() {
		t.Error("told of no path's MTU")
	}
	s.note(packettest.Made(packettest.IP{Src: vip, Dst: client}.ICMP(2, 0, 1460, quoted), false))
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"longer", datagram(client, vip, 1461), true},
		{"it fits", datagram(client, vip, 1460), false},
		{"another destination", datagram(client, other, 1498), false},
		{"another source", datagram(other, vip, 1498), false},
		{"TCP", packettest.IP{Src: client, Dst: vip}.TCP(1, 2, 0, make([]byte, 1420)), false},
	} {
		if got := s.cuts(c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if now = now.Add(rememberMTU); s.cuts(datagram(client, vip, 1498)) {
		t.Error("it still holds after the host forgot it")
	}
	for i := range 2 * maxPaths {
		b := datagram(client, vip, 1300)
		b[8], b[9] = byte(i>>8), byte(i)
		s.note(packettest.Made(packettest.IP{Src: vip, Dst: client}.ICMP(2, 0, 1280, b[:1240]), false))
	}
	if n := len(s.paths); n > maxPaths {
		t.Errorf("%d paths are remembered", n)
	}
}
