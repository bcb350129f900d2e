package xmit_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// optionsOf returns the options of an IPv4 header as hexadecimal digits.
func optionsOf(b []byte) string {
	if s := hex.EncodeToString(b[packet.SizeIPv4 : int(b[0]&0xf)*4]); s != "" {
		return s
	}
	return "-"
}

// TestOptions compares with what the kernel did.
func TestOptions(t *testing.T) {
	f, err := os.Open("testdata/options.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	stack := packettest.NewStack()
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.ReplaceAll(s.Text(), "TTTTTTTT", fmt.Sprintf("%08x", stack.Time))
		w := strings.Fields(line)
		if w[0] == "#" {
			continue
		}
		t.Run(w[0], func(t *testing.T) {
			options, err := hex.DecodeString(w[0])
			if err != nil {
				t.Fatal(err)
			}
			testOptions(t, options, w[1], w[2], w[3], w[4])
		})
	}
}

// testOptions makes two errors about a packet with options: one as every error
// is made, and one about a server without a route.
func testOptions(t *testing.T, options []byte, dst, echoed, again, echoedAgain string) {
	h := to4
	h.Options = options
	sc := scene{packet: h.UDP(1024, 80, nil)}
	sc.stack = func(s *packettest.Stack) { s.Gone[packettest.Addr(server4)] = true }
	check := func(what string, p, about *packet.Packet, options, quoted string) {
		t.Helper()
		b := p.Data()
		a, _ := netip.AddrFromSlice(b[16:20])
		if got := optionsOf(b); got != options || a.String() != dst || optionsOf(about.Data()) != quoted || strings.Contains(strings.SplitN(packettest.Text(b), "\n", 2)[0], "wrong") {
			t.Errorf("%s: to %v %s, quotes %s\nwant to %s %s, quotes %s\n%s", what, a, got, optionsOf(about.Data()), dst, options, quoted, packettest.Text(b))
		}
	}

	p, head := sc.arrive(t)
	r := newRig(t, &sc, &head)
	r.x.PortUnreachable(p)
	r.x.Flush()
	out := r.stack.Sent()
	if len(out) != 1 {
		t.Fatal("no port unreachable")
	}
	check("port unreachable", out[0], p, echoed, hex.EncodeToString(options))

	p, _ = sc.arrive(t)
	r.x.Transmit(&xmit.Call{Packet: p, Header: head, Conn: r.conn, Shard: r.shard, Dest: r.dest})
	r.x.Flush()
	switch out = r.stack.Sent(); {
	case again == "none":
		if len(out) != 0 {
			t.Errorf("host unreachable: sent\n%s", packettest.Text(out[0].Data()))
		}
	case len(out) != 1:
		t.Fatal("no host unreachable")
	default:
		check("host unreachable", out[0], p, echoedAgain, again)
	}
}

// The kernel looked at no options of packets that a process makes with their
// header, nor of those that came inside others; but an unreachable server makes
// it look.
func TestOptionsNotReceived(t *testing.T) {
	h := to4
	h.Options = []byte{7, 7, 4, 0, 0, 0, 0}
	sc := scene{packet: h.UDP(1024, 80, nil), made: true}
	sc.stack = func(s *packettest.Stack) { s.Gone[packettest.Addr(server4)] = true }
	p, head := sc.arrive(t)
	r := newRig(t, &sc, &head)
	r.x.PortUnreachable(p)
	arrived := packettest.Arrived(sc.packet, true)
	r.x.ICMPErrorInside(arrived, 3, 1, 0)
	r.x.Transmit(&xmit.Call{Packet: p, Header: head, Conn: r.conn, Shard: r.shard, Dest: r.dest})
	r.x.Flush()
	var got []string
	for _, q := range r.stack.Sent() {
		got = append(got, optionsOf(q.Data()))
	}
	if s := strings.Join(got, " "); s != "- - 070708cb00710a00" {
		t.Errorf("echoed %s", s)
	}
}

// About a parameter problem only what comes before it is echoed, but CIPSO in
// any case: the kernel notes that before it looks.
func TestOptionsParameterProblem(t *testing.T) {
	for _, c := range []struct {
		options string
		at      uint32
		want    string
	}{
		{"070708cb00710a0007070900000000", 20, "-"},
		{"070708cb00710a0007030900", 28, "070708cb00710a00"},
		{"8604abcd", 21, "8604abcd"},
		{"8604abcd8604abcd", 24, "8604abcd"},
		{"440809f0000000000707080000000000", 23, "-"},
	} {
		h := to4
		h.Options, _ = hex.DecodeString(c.options)
		s := packettest.NewStack(vip4)
		xmit.ICMPError(s, packettest.Arrived(h.UDP(1, 2, nil), true), 12, 0, c.at<<24)
		out := s.Sent()
		if len(out) != 1 || optionsOf(out[0].Data()) != c.want {
			t.Errorf("%s at %d: sent %v", c.options, c.at, out)
		}
	}
}

// clockless is a Stack that doesn't know the time.
type clockless struct{ xmit.Stack }

func TestOptionsWithoutClock(t *testing.T) {
	h := to4
	h.Options = []byte{68, 8, 5, 0, 0, 0, 0, 0}
	s := packettest.NewStack(vip4)
	xmit.ICMPError(clockless{s}, packettest.Arrived(h.UDP(1, 2, nil), true), 3, 3, 0)
	out := s.Sent()
	if len(out) != 1 || optionsOf(out[0].Data()) != "4408090080000000" {
		t.Errorf("sent %v", out)
	}
}

// Wrong options, which no receipt lets through, are taken as far as they go; if
// the server is unreachable as well, they prevent the error.
func TestOptionsWrong(t *testing.T) {
	for _, c := range []struct {
		options string
		want    string // -, options, or none
		failure bool   // an error is sent about an unreachable server
	}{
		{"07", "-", false},
		{"0701", "-", false},
		{"07ff04", "-", false},
		{"01010100", "-", true},
		{"0702", "-", false},
		{"07070300000000", "-", false},
		{"070a080a0000010000", "none", false}, // no room for an address where there should be one
		{"0707080a000001070b040000000000000000", "0707080a000001", false},
		{"440304", "-", false},
		{"44080400" + "00000000", "-", false},
		{"440a0900" + "0000000000", "none", false},
		{"440a0501" + "000000000000", "none", false},
		{"440a0903" + "000000000000", "none", false},
		{"94030000", "-", false},
		{"8302", "-", false},
		{"83070300000000", "-", false},
		{"830708c000026383030400", "830704c6336401", false},
		{"8604abcd8604abcd", "8604abcd", false},
	} {
		t.Run(c.options, func(t *testing.T) {
			h := to4
			h.Options, _ = hex.DecodeString(c.options)
			for len(h.Options)%4 != 0 {
				h.Options = append(h.Options, 1)
			}
			sc := scene{packet: h.UDP(1024, 80, nil), dest: sched.DestConfig{}}
			sc.stack = func(s *packettest.Stack) { s.Gone[packettest.Addr(server4)] = true }
			p, head := sc.arrive(t)
			r := newRig(t, &sc, &head)
			r.x.PortUnreachable(p)
			r.x.Flush()
			if out := r.stack.Sent(); c.want == "none" && len(out) != 0 || c.want != "none" && (len(out) != 1 || !strings.HasPrefix(optionsOf(out[0].Data()), c.want)) {
				t.Errorf("sent %v", out)
				for _, q := range out {
					t.Log(packettest.Text(q.Data()))
				}
			}
			r.x.Transmit(&xmit.Call{Packet: p, Header: head, Conn: r.conn, Shard: r.shard, Dest: r.dest})
			r.x.Flush()
			if out := r.stack.Sent(); (len(out) == 1) != c.failure {
				t.Errorf("about the unreachable server: %v", out)
			}
		})
	}
}

// FuzzICMPError: errors about any packet break nothing, and are right themselves.
func FuzzICMPError(f *testing.F) {
	h := to4
	h.Options, _ = hex.DecodeString("070b080a000001000000000044140501")
	f.Add(h.UDP(1, 2, nil), uint8(3), uint32(0))
	f.Add(to6.UDP(1, 2, nil), uint8(1), uint32(0))
	h.Options, _ = hex.DecodeString("830f10c0000261c0000262c00002638607abcdef0101")
	f.Add(h.UDP(1, 2, nil), uint8(12), uint32(0x17000000))
	f.Fuzz(func(t *testing.T, b []byte, typ uint8, info uint32) {
		if len(b) == 0 || b[0]>>4 != 4 && b[0]>>4 != 6 {
			return
		}
		s := packettest.NewStack(vip4, vip6)
		x := xmit.Context{Stack: s, Settings: &xmit.Settings{}}
		x.ICMPError(packettest.Arrived(b, true), typ, 0, info)
		x.ICMPErrorInside(packettest.Arrived(b, false), typ, 0, info)
		x.PortUnreachable(packettest.Made(b, true))
		x.Flush()
		for _, p := range s.Sent() {
			if text := packettest.Text(p.Data()); strings.Contains(strings.SplitN(text, "  ICMP", 2)[0], "wrong") {
				t.Error(text)
			}
		}
	})
}
