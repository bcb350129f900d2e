package xmit_test

import (
	"encoding/binary"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// tos returns h with a service field.
func tos(h packettest.IP, tos uint8) packettest.IP {
	h.TOS = tos
	return h
}

// Features: X3, X4, X5.
func TestTunnel(t *testing.T) {
	data := packettest.Payload(5)
	udp4, udp6 := to4.UDP(1024, 80, data), to6.UDP(1024, 80, data)
	noDF := fragments(to4, 0)
	plays(t, "tunnel", []scene{
		{name: "IPIP v4", packet: udp4, dest: tun(sched.TunIPIP, 0, server4)},
		{name: "IPIP v6", packet: udp6, dest: tun(sched.TunIPIP, 0, server6)},
		{name: "IPv6 in IPv4", packet: udp6, dest: tun(sched.TunIPIP, 0, server4)},
		{name: "IPv4 in IPv6", packet: udp4, dest: tun(sched.TunIPIP, 0, server6)},
		{name: "without DF it has an identification", packet: noDF.UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "with pmtu_disc off DF stays inside", packet: udp4, dest: tun(sched.TunIPIP, 0, server4), noPMTU: true},
		{name: "DF and to be fragmented anyway", packet: udp4, dest: tun(sched.TunIPIP, 0, server4), change: func(p *packet.Packet) { p.IgnoreDF = true }},
		{name: "the inner header's checksum is made right", packet: packettest.Change(udp4, 10, 1, 2), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "TTL 255", packet: ttl(to4, 255).UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "not ECN-capable", packet: tos(to4, 0xb8).UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "ECN-capable (1)", packet: tos(to4, 0xb9).UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "ECN-capable (0)", packet: tos(to4, 0xba).UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "congestion experienced", packet: tos(to4, 0xbb).UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "congestion experienced v6", packet: tos(to6, 0xbb).UDP(1024, 80, data), dest: tun(sched.TunIPIP, 0, server6)},
		{name: "GUE v4", packet: udp4, dest: tun(sched.TunGUE, 0, server4)},
		{name: "GUE v4 with checksum", packet: udp4, dest: tun(sched.TunGUE, sched.TunCsum, server4)},
		{name: "GUE v4 with remote checksum: has one itself", packet: udp4, dest: tun(sched.TunGUE, sched.TunRemCsum, server4)},
		{name: "GUE v6", packet: udp6, dest: tun(sched.TunGUE, 0, server6)},
		{name: "GUE v6 with checksum", packet: udp6, dest: tun(sched.TunGUE, sched.TunCsum, server6)},
		{name: "GUE, IPv6 in IPv4", packet: udp6, dest: tun(sched.TunGUE, sched.TunCsum, server4)},
		{name: "GUE, IPv4 in IPv6", packet: udp4, dest: tun(sched.TunGUE, sched.TunCsum, server6)},
		{name: "GRE v4", packet: udp4, dest: tun(sched.TunGRE, 0, server4)},
		{name: "GRE v4 with checksum", packet: udp4, dest: tun(sched.TunGRE, sched.TunCsum, server4)},
		{name: "GRE v6", packet: udp6, dest: tun(sched.TunGRE, 0, server6)},
		{name: "GRE v6 with checksum", packet: udp6, dest: tun(sched.TunGRE, sched.TunCsum, server6)},
		{name: "GRE, IPv6 in IPv4", packet: udp6, dest: tun(sched.TunGRE, 0, server4)},
		{name: "GRE, IPv4 in IPv6", packet: udp4, dest: tun(sched.TunGRE, sched.TunCsum, server6)},
		{name: "without a server", packet: udp4, flags: 2, noDest: true},
	})
}

// What a tunnel leaves of the path's MTU, by its headers.
//
// Features: X9.
func TestTunnelMTU(t *testing.T) {
	for _, c := range []struct {
		name string
		dest sched.DestConfig
		six  bool
		left int
	}{
		{"IPIP v4", tun(sched.TunIPIP, 0, server4), false, 1480},
		{"IPIP v6", tun(sched.TunIPIP, 0, server6), true, 1460},
		{"v6 in v4", tun(sched.TunIPIP, 0, server4), true, 1480},
		{"v4 in v6", tun(sched.TunIPIP, 0, server6), false, 1460},
		{"GUE v4", tun(sched.TunGUE, 0, server4), false, 1468},
		{"GUE v4 checksum", tun(sched.TunGUE, sched.TunCsum, server4), false, 1468},
		{"GUE v6", tun(sched.TunGUE, sched.TunRemCsum, server6), true, 1448},
		{"GRE v4", tun(sched.TunGRE, 0, server4), false, 1476},
		{"GRE v4 checksum", tun(sched.TunGRE, sched.TunCsum, server4), false, 1472},
		{"GRE v6 checksum", tun(sched.TunGRE, sched.TunCsum, server6), true, 1452},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, over := range []int{0, 1} {
				sc := scene{dest: c.dest}
				n := c.left + over
				sc.packet = to4.UDP(1024, 80, packettest.Payload(n-28))
				if c.six {
					sc.packet = to6.UDP(1024, 80, packettest.Payload(n-48))
				}
				p, h := sc.arrive(t)
				r := newRig(t, &sc, &h)
				r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
				r.x.Flush()
				out := r.stack.Sent()
				if len(out) != 1 {
					t.Fatalf("%d octets: %d packets out", n, len(out))
				}
				b := out[0].Data()
				if over == 0 && (len(b) != 1500 || packet.Family(b[0]>>4) != c.dest.Family) {
					t.Errorf("%d octets became %d:\n%s", n, len(b), packettest.Text(b))
				}
				if over == 0 {
					continue
				}
				at := 20 + 4
				if c.six {
					at = 40 + 4
				}
				if got := int(binary.BigEndian.Uint32(b[at:])); got != c.left {
					t.Errorf("%d octets: told an MTU of %d, want %d\n%s", n, got, c.left, packettest.Text(b))
				}
			}
		})
	}
}

// A checksum that comes out as zero is sent as 0xffff: in UDP zero means none,
// and for GRE the kernel does the same.
//
// Features: X4, X5.
func TestTunnelChecksumZero(t *testing.T) {
	for _, c := range []struct {
		name string
		dest sched.DestConfig
		at   int
	}{
		{"GUE", tun(sched.TunGUE, sched.TunCsum, server4), 26},
		{"GRE", tun(sched.TunGRE, sched.TunCsum, server4), 24},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := scene{dest: c.dest, packet: to4.UDPNoSum(1024, 80, []byte{0, 0})}
			_, h := sc.arrive(t)
			r := newRig(t, &sc, &h)
			r.stack.Drop = true
			seen := false
			for n := range 1 << 16 {
				p := packettest.Arrived(packettest.Change(sc.packet, 28, byte(n>>8), byte(n)), true)
				r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
				r.x.Flush()
				sum := binary.BigEndian.Uint16(p.Data()[c.at:])
				if sum == 0 {
					t.Fatalf("checksum zero:\n%s", packettest.Text(p.Data()))
				}
				seen = seen || sum == 0xffff
			}
			if !seen {
				t.Error("never came out as zero")
			}
		})
	}
}

// A flow keeps GUE's source port, and different flows spread over the range.
//
// Features: X4.
func TestGUEPort(t *testing.T) {
	port := func(b []byte) uint16 {
		sc := scene{packet: b, dest: tun(sched.TunGUE, 0, server4)}
		p, h := sc.arrive(t)
		r := newRig(t, &sc, &h)
		r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
		return binary.BigEndian.Uint16(p.Data()[20:])
	}
	ports := map[uint16]bool{}
	for i := range uint16(200) {
		a, b := port(to4.UDP(1024+i, 80, nil)), port(to4.UDP(1024+i, 80, packettest.Payload(9)))
		if a != b {
			t.Fatalf("flow %d has ports %d and %d", i, a, b)
		}
		if a < 32768 || a > 60999 {
			t.Fatalf("port %d", a)
		}
		ports[a] = true
	}
	if len(ports) < 180 {
		t.Errorf("%d ports for 200 flows", len(ports))
	}
	if port(to4.Wrap(packet.ProtoESP, packettest.Payload(8))) != port(to4.Wrap(packet.ProtoESP, packettest.Payload(16))) {
		t.Error("ESP changes ports")
	}
}

// With headroom left before the packet a tunnel takes no copy.
func TestTunnelNoCopy(t *testing.T) {
	sc := scene{packet: to6.UDP(1024, 80, nil), dest: tun(sched.TunGUE, sched.TunCsum, server6)}
	p, h := sc.arrive(t)
	r := newRig(t, &sc, &h)
	first := &p.Data()[0]
	r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
	if &p.Data()[packet.SizeIPv6+packet.SizeUDP+4] != first {
		t.Error("copied")
	}
}
