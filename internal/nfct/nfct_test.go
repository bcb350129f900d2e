package nfct

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

const (
	client  = "198.51.100.1"
	virtual = "203.0.113.10"
	server  = "10.1.0.11"
	client6 = "2001:db8:c::1"
	vip6    = "2001:db8:f::10"
)

// script lets a table see packets, one a line, and returns what it made of each:
// the packet's direction and state, "invalid", or "drop".
type script struct {
	*Table
	now time.Duration
}

func newScript() *script { return &script{Table: NewTable()} }

// pass takes a packet through PREROUTING and POSTROUTING.
func (s *script) pass(b []byte) string {
	p, r := datagram(b), new(Ref)
	return s.out(p, r, s.in(p, r))
}

func datagram(b []byte) *packet.Packet {
	p := new(packet.Packet)
	p.Set(packet.Family(b[0]>>4), b, 0)
	return p
}

func (s *script) in(p *packet.Packet, r *Ref) string {
	switch ok := s.In(p, r, true, s.now); {
	case !ok:
		return "drop"
	case r.untracked:
		return "untracked"
	case r.conn == nil:
		return "invalid"
	}
	text := []string{"original", "reply"}[r.dir]
	if r.related {
		return "related " + text
	}
	switch r.conn.tuple[0].Protocol {
	case packet.ProtoTCP:
		text += fmt.Sprint(" ", tcpNames[r.conn.tcp.state])
	case packet.ProtoSCTP:
		text += fmt.Sprint(" ", sctpNames[r.conn.sctp.state])
	}
	return text
}

func (s *script) out(p *packet.Packet, r *Ref, said string) string {
	if !s.Out(p, r, s.now) {
		return said + ", drop"
	}
	return said
}

var (
	tcpNames  = strings.Fields("NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2")
	sctpNames = strings.Fields("NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT")
)

// seg is a segment of a connection: its data are n octets.
type seg struct {
	reply    bool
	flags    string // of S, A, F, R, U, P
	seq, ack uint32
	n        int
	options  []byte
	want     string
}

var flagBits = map[rune]uint8{'F': flagFin, 'S': flagSyn, 'R': flagRst, 'P': flagPsh, 'A': flagAck, 'U': flagUrg}

func (g seg) datagram() []byte {
	h := packettest.IP{Src: client, Dst: virtual}
	sport, dport := uint16(1024), uint16(21)
	if g.reply {
		h, sport, dport = packettest.IP{Src: virtual, Dst: client}, dport, sport
	}
	b := make([]byte, packet.SizeTCP+len(g.options)+g.n)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint32(b[4:], g.seq)
	binary.BigEndian.PutUint32(b[8:], g.ack)
	b[12] = byte(packet.SizeTCP+len(g.options)) / 4 << 4
	for _, f := range g.flags {
		b[13] |= flagBits[f]
	}
	binary.BigEndian.PutUint16(b[14:], 1000)
	copy(b[packet.SizeTCP:], g.options)
	binary.BigEndian.PutUint16(b[16:], packet.TransportChecksum(packet.IPv4, packettest.Addr(h.Src), packettest.Addr(h.Dst), packet.ProtoTCP, b))
	return h.Wrap(packet.ProtoTCP, b)
}

func c(flags string, seq, ack uint32, n int, want string) seg {
	return seg{flags: flags, seq: seq, ack: ack, n: n, want: want}
}

func s(flags string, seq, ack uint32, n int, want string) seg {
	return seg{reply: true, flags: flags, seq: seq, ack: ack, n: n, want: want}
}

// TestTCP: what the kernel's tables and windows make of a connection's segments.
func TestTCP(t *testing.T) {
	open := []seg{
		c("S", 100, 0, 0, "original SYN_SENT"),
		s("SA", 500, 101, 0, "reply SYN_RECV"),
		c("A", 101, 501, 0, "original ESTABLISHED"),
	}
	for _, x := range []struct {
		name string
		segs []seg
	}{
		{"open and close", append(open[:3:3],
			c("PA", 101, 501, 10, "original ESTABLISHED"),
			s("A", 501, 111, 0, "reply ESTABLISHED"),
			c("FA", 111, 501, 0, "original FIN_WAIT"),
			s("A", 501, 112, 0, "reply CLOSE_WAIT"),
			s("FA", 501, 112, 0, "reply LAST_ACK"),
			c("A", 112, 502, 0, "original TIME_WAIT"),
			c("S", 9000, 0, 0, "original SYN_SENT"))},
		{"ACK before the answer", []seg{
			c("S", 100, 0, 0, "original SYN_SENT"),
			c("A", 101, 0, 0, "invalid"),
			s("SA", 500, 101, 0, "reply SYN_RECV")}},
		{"SYN again, further on", []seg{
			c("S", 100, 0, 0, "original SYN_SENT"),
			c("S", 101, 0, 0, "original SYN_SENT"),
			s("SA", 500, 102, 0, "reply SYN_RECV")}},
		{"answer to what was not asked", []seg{
			c("S", 100, 0, 0, "original SYN_SENT"),
			s("SA", 500, 300, 0, "invalid")}},
		{"acknowledges what was not sent", append(open[:3:3], c("A", 101, 5000, 0, "invalid"))},
		{"beyond the window", append(open[:3:3], c("A", 101+100000, 501, 0, "invalid"))},
		{"a little beyond the window", append(open[:3:3], c("A", 1102, 501, 5, "original ESTABLISHED"))},
		{"long before the window", append(open[:3:3], c("A", 1<<32-4899, 501, 0, "original ESTABLISHED"))},
		{"SYN within", append(open[:3:3],
			c("S", 300, 0, 0, "original ESTABLISHED"),
			s("A", 501, 101, 0, "reply ESTABLISHED"))},
		{"SYN that the server takes", append(open[:3:3],
			c("S", 300, 0, 0, "original ESTABLISHED"),
			s("SA", 900, 301, 0, "reply SYN_RECV"))},
		{"reset", append(open[:3:3], s("RA", 501, 101, 0, "reply CLOSE"))},
		{"reset at another number", append(open[:3:3], s("R", 503, 0, 0, "reply ESTABLISHED"))},
		{"reset before what was acknowledged", append(open[:3:3], s("R", 400, 0, 0, "invalid"))},
		{"refused", []seg{
			c("S", 100, 0, 0, "original SYN_SENT"),
			s("RA", 0, 101, 0, "reply CLOSE"),
			c("S", 101, 0, 0, "original SYN_SENT")}},
		{"taken up in the middle", []seg{
			c("A", 100, 500, 10, "original ESTABLISHED"),
			s("A", 500, 110, 0, "reply ESTABLISHED"),
			c("A", 100+100000, 500, 0, "original ESTABLISHED")}},
		{"reset of nothing", []seg{c("R", 100, 0, 0, "invalid")}},
		{"both begin", []seg{
			c("S", 100, 0, 0, "original SYN_SENT"),
			s("S", 500, 0, 0, "reply SYN_SENT2"),
			c("SA", 100, 501, 0, "original SYN_RECV"),
			s("A", 501, 101, 0, "reply ESTABLISHED")}},
		{"flags that don't go together", []seg{c("SF", 100, 0, 0, "invalid"), c("", 100, 0, 0, "invalid")}},
		{"challenge in LAST_ACK", append(open[:3:3],
			c("FA", 101, 501, 0, "original FIN_WAIT"),
			s("FA", 501, 102, 0, "reply LAST_ACK"),
			c("S", 9000, 0, 0, "original LAST_ACK"),
			s("A", 502, 102, 0, "reply LAST_ACK"),
			s("A", 502, 102, 0, "reply TIME_WAIT"))},
		{"selective acknowledgement", []seg{
			{flags: "S", seq: 100, options: []byte{optSACKPerm, 2, optNop, optNop}, want: "original SYN_SENT"},
			{reply: true, flags: "SA", seq: 500, ack: 101, options: []byte{optSACKPerm, 2, optNop, optNop}, want: "reply SYN_RECV"},
			{flags: "A", seq: 101, ack: 501, options: []byte{optNop, optNop, optSACK, 10, 0, 0, 2, 88, 0, 0, 2, 98}, want: "invalid"}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			sc := newScript()
			for i, g := range x.segs {
				if got := sc.pass(g.datagram()); got != g.want {
					t.Errorf("segment %d: %s, want %s", i, got, g.want)
				}
				sc.now += time.Millisecond
			}
		})
	}
}

// TestTimes: how long what was seen of a connection counts.
func TestTimes(t *testing.T) {
	syn := c("S", 100, 0, 0, "").datagram()
	udp := packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, []byte("x"))
	answer := packettest.IP{Src: virtual, Dst: client}.UDP(53, 1024, []byte("y"))
	for _, x := range []struct {
		name  string
		pass  [][]byte
		every time.Duration // between two of them
		lives time.Duration // after the last
	}{
		{"SYN", [][]byte{syn}, 0, 120 * time.Second},
		{"SYN again", [][]byte{syn, syn}, 20 * time.Second, 100 * time.Second},
		{"established", [][]byte{syn, s("SA", 500, 101, 0, "").datagram(), c("A", 101, 501, 0, "").datagram()}, time.Second, 5 * 24 * time.Hour},
		{"data without answer", [][]byte{syn, s("SA", 500, 101, 0, "").datagram(), c("A", 101, 501, 9, "").datagram()}, time.Second, 300 * time.Second},
		{"in the middle", [][]byte{c("A", 101, 501, 0, "").datagram()}, 0, 300 * time.Second},
		{"reset", [][]byte{syn, s("SA", 500, 101, 0, "").datagram(), c("A", 101, 501, 0, "").datagram(), s("RA", 501, 101, 0, "").datagram()}, time.Second, 10 * time.Second},
		{"UDP", [][]byte{udp}, 0, 30 * time.Second},
		{"UDP and answer", [][]byte{udp, answer, udp}, time.Second / 2, 30 * time.Second},
		{"UDP stream", [][]byte{udp, answer, udp, answer}, time.Second, 120 * time.Second},
		{"ICMP", [][]byte{packettest.IP{Src: client, Dst: virtual}.ICMP(8, 0, 1, nil)}, 0, 30 * time.Second},
		{"another protocol", [][]byte{packettest.IP{Src: client, Dst: virtual}.Wrap(99, nil)}, 0, 600 * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			sc := newScript()
			for i, b := range x.pass {
				if i > 0 {
					sc.now += x.every
				}
				sc.pass(append([]byte(nil), b...))
			}
			h, _ := transport(packet.Family(x.pass[0][0]>>4), x.pass[0], 0)
			k, _ := tupleOf(&h, x.pass[0])
			if _, ok := sc.find(k, sc.now+x.lives-1); !ok {
				t.Errorf("gone before %v", x.lives)
			}
			if _, ok := sc.find(k, sc.now+x.lives); ok || sc.count != 0 {
				t.Errorf("still there after %v (%d connections)", x.lives, sc.count)
			}
		})
	}
}

// TestRedirect: a packet that is taken for invalid, translated all the same, is
// in the way of the connection that is known.
func TestRedirect(t *testing.T) {
	sc := newScript()
	syn := c("S", 100, 0, 0, "").datagram()
	p, r := datagram(syn), new(Ref)
	sc.in(p, r)
	r.Redirect(packettest.Addr(server), 8021, true)
	if got := sc.out(p, r, "out"); got != "out" || !r.Confirmed() {
		t.Fatal(got)
	}
	r.Redirect(packettest.Addr("10.1.0.99"), 1, true) // too late
	if e, ok := sc.find(Tuple{packet.IPv4, packet.ProtoTCP, packettest.Addr(server), packettest.Addr(client), 8021, 1024}, 0); !ok || e.dir != Reply {
		t.Error("the server's replies are not known")
	}

	p, r = datagram(c("A", 101, 0, 0, "").datagram()), new(Ref)
	if got := sc.in(p, r); got != "invalid" || r.Known() {
		t.Fatalf("an early ACK is %s", got)
	}
	translated := datagram(packettest.IP{Src: client, Dst: server}.TCP(1024, 8021, flagAck, nil))
	if !sc.In(translated, r, false, 0) || !r.Known() {
		t.Fatal("behind the translation it is no new connection")
	}
	if sc.Out(translated, r, 0) {
		t.Error("it passes, though the first connection's replies have its addresses")
	}

	sc.Drop(Tuple{packet.IPv4, packet.ProtoTCP, packettest.Addr(client), packettest.Addr(virtual), 1024, 21}, 0)
	if len(sc.conns) != 0 {
		t.Errorf("%d tuples after the connection was dropped", len(sc.conns))
	}
}

// TestClash: UDP packets join the connection that was there first.
func TestClash(t *testing.T) {
	sc := newScript()
	b := packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, nil)
	one, two := datagram(b), datagram(b)
	r1, r2 := new(Ref), new(Ref)
	sc.in(one, r1)
	sc.in(two, r2)
	if !sc.Out(one, r1, 0) || !sc.Out(two, r2, 0) || r1.conn != r2.conn || sc.count != 1 {
		t.Errorf("%d connections", sc.count)
	}
}

// TestErrors: an ICMP error belongs to the connection that it quotes.
func TestErrors(t *testing.T) {
	for _, x := range []struct {
		name, want string
		first      []byte
		then       []byte
	}{
		{"IPv4", "related reply", packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, nil),
			packettest.IP{Src: "10.9.9.9", Dst: client}.ICMP(3, 4, 0, packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, nil))},
		{"IPv4, to somebody else", "invalid", packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, nil),
			packettest.IP{Src: "10.9.9.9", Dst: server}.ICMP(3, 4, 0, packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, nil))},
		{"of nothing known", "invalid", packettest.IP{Src: client, Dst: virtual}.UDP(1024, 54, nil),
			packettest.IP{Src: "10.9.9.9", Dst: client}.ICMP(3, 4, 0, packettest.IP{Src: client, Dst: virtual}.UDP(1024, 53, nil))},
		{"IPv6", "related reply", packettest.IP{Src: client6, Dst: vip6}.UDP(1024, 53, nil),
			packettest.IP{Src: "2001:db8::9", Dst: client6}.ICMP(2, 0, 1280, packettest.IP{Src: client6, Dst: vip6}.UDP(1024, 53, nil))},
		{"answer to a ping", "reply", packettest.IP{Src: client, Dst: virtual}.ICMP(8, 0, 7<<16, nil),
			packettest.IP{Src: virtual, Dst: client}.ICMP(0, 0, 7<<16, nil)},
		{"answer to no ping", "invalid", packettest.IP{Src: client, Dst: virtual}.ICMP(8, 0, 7<<16, nil),
			packettest.IP{Src: virtual, Dst: client}.ICMP(0, 0, 8<<16, nil)},
		{"neighbour discovery", "untracked", packettest.IP{Src: client6, Dst: vip6}.UDP(1024, 53, nil),
			packettest.IP{Src: client6, Dst: vip6, TTL: 255}.ICMP(135, 0, 0, make([]byte, 16))},
	} {
		t.Run(x.name, func(t *testing.T) {
			sc := newScript()
			sc.pass(x.first)
			if got := sc.pass(x.then); got != x.want {
				t.Errorf("%s, want %s", got, x.want)
			}
		})
	}
}

// TestSCTP: an association from INIT to its end, and what doesn't fit.
func TestSCTP(t *testing.T) {
	initChunk := func(typ byte, tag uint32) []byte {
		b := make([]byte, 20)
		b[0], b[3] = typ, 20
		binary.BigEndian.PutUint32(b[4:], tag)
		return b
	}
	plain := func(typ byte) []byte { return []byte{typ, 0, 0, 4} }
	type step struct {
		reply bool
		tag   uint32
		chunk []byte
		want  string
	}
	open := []step{
		{false, 0, initChunk(chunkInit, 11), "original CLOSED"},
		{true, 11, initChunk(chunkInitAck, 22), "reply COOKIE_WAIT"},
		{false, 22, plain(chunkCookieEcho), "original COOKIE_ECHOED"},
		{true, 11, plain(chunkCookieAck), "reply ESTABLISHED"},
	}
	for _, x := range []struct {
		name  string
		steps []step
	}{
		{"open and close", append(open[:4:4],
			step{false, 22, plain(chunkShutdown), "original SHUTDOWN_SENT"},
			step{true, 11, plain(chunkShutdownAck), "reply SHUTDOWN_ACK_SENT"},
			step{false, 22, plain(chunkShutdownComplete), "original CLOSED"})},
		{"wrong tag", append(open[:4:4], step{false, 33, plain(chunkData), "invalid"})},
		{"abort with a wrong tag", append(open[:4:4], step{true, 33, plain(chunkAbort), "invalid"})},
		{"abort", append(open[:4:4], step{true, 11, plain(chunkAbort), "reply CLOSED"})},
		{"data of nothing", []step{{false, 5, plain(chunkData), "invalid"}}},
		{"heartbeat of nothing", []step{
			{false, 5, plain(chunkHeartbeat), "original HEARTBEAT_SENT"},
			{true, 6, plain(chunkHeartbeatAck), "reply ESTABLISHED"}}},
		{"heartbeat with another tag", append(open[:4:4],
			step{false, 33, plain(chunkHeartbeat), "original ESTABLISHED"},
			step{true, 44, plain(chunkHeartbeatAck), "reply ESTABLISHED"})},
		{"two chunks that can't stand together", []step{{false, 0, append(initChunk(chunkInit, 1), plain(chunkData)...), "invalid"}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			sc := newScript()
			for i, st := range x.steps {
				h, sport, dport := packettest.IP{Src: client, Dst: virtual}, uint16(1024), uint16(9)
				if st.reply {
					h, sport, dport = packettest.IP{Src: virtual, Dst: client}, dport, sport
				}
				b := make([]byte, packet.SizeSCTP)
				binary.BigEndian.PutUint16(b, sport)
				binary.BigEndian.PutUint16(b[2:], dport)
				binary.BigEndian.PutUint32(b[4:], st.tag)
				b = append(b, st.chunk...)
				packet.SetSCTPChecksum(b)
				if got := sc.pass(h.Wrap(packet.ProtoSCTP, b)); got != st.want {
					t.Errorf("step %d: %s, want %s", i, got, st.want)
				}
			}
		})
	}
}

// TestFull: beyond the most connections, packets that would make one are dropped.
func TestFull(t *testing.T) {
	sc := newScript()
	sc.count = MostConns
	if got := sc.pass(c("S", 100, 0, 0, "").datagram()); got != "drop, drop" && got != "drop" {
		t.Errorf("a SYN is %s", got)
	}
}

// TestResume: what TCP connections there were have no windows when tracking
// starts again.
func TestResume(t *testing.T) {
	sc := newScript()
	for _, g := range []seg{c("S", 100, 0, 0, ""), s("SA", 500, 101, 0, ""), c("A", 101, 501, 0, "")} {
		sc.pass(g.datagram())
	}
	sc.Resume(packet.IPv4)
	if got := sc.pass(c("A", 7<<20, 9<<20, 0, "").datagram()); got != "original ESTABLISHED" {
		t.Errorf("a segment from far off is %s", got)
	}
}

// FuzzIn: no packet, however broken, harms the table.
func FuzzIn(f *testing.F) {
	f.Add(c("S", 100, 0, 0, "").datagram(), c("A", 101, 501, 9, "").datagram())
	f.Add(packettest.IP{Src: client6, Dst: vip6}.UDP(1024, 53, nil), packettest.IP{Src: vip6, Dst: client6}.ICMP(2, 0, 0, packettest.IP{Src: client6, Dst: vip6}.UDP(1024, 53, nil)))
	f.Add(packettest.IP{Src: client, Dst: virtual}.Wrap(packet.ProtoSCTP, make([]byte, 16)), []byte{0x45})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		table := NewTable()
		for i, b := range [][]byte{one, two, one} {
			if len(b) == 0 || b[0]>>4 != 4 && b[0]>>4 != 6 {
				continue
			}
			p, r, now := datagram(append([]byte(nil), b...)), new(Ref), time.Duration(i)*time.Second
			if table.In(p, r, i == 1, now) {
				r.Redirect(packet.Addr{1}, 1, true)
				r.Resize(1, i)
				table.Out(p, r, now)
			}
		}
		if len(table.conns) > 2*table.count || table.count > 3 {
			t.Fatalf("%d connections under %d tuples", table.count, len(table.conns))
		}
	})
}
