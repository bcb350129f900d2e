package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"goipvs/packet"
)

// Associations go round the servers. Where the kernel has no SCTP, raw sockets
// speak its handshake, message and shutdown, with checksums that both ends
// verify.
//
// Features: 6.3, X1.
func TestSCTPAssociations(t *testing.T) {
	needRoot(t)
	for _, s := range []Scenario{NAT, DR, Tunnel} {
		for _, f := range families {
			t.Run(fmt.Sprint(s, " ", f), func(t *testing.T) {
				t.Parallel()
				l := startLab(t, s, f)
				virtual := netip.AddrPortFrom(l.Plan.VIP, 9)
				flag := map[Scenario]string{NAT: "-m", DR: "-g", Tunnel: "-i"}[s]
				l.admin(t, fmt.Sprintf("-A --sctp-service %v -s rr", virtual))
				for i, a := range numbersOf(f).server {
					real := netip.AddrPortFrom(a.Addr(), 9)
					l.admin(t, fmt.Sprintf("-a --sctp-service %v -r %v %s", virtual, real, flag))
					at := a.Addr()
					if s.straight() {
						at = l.Plan.VIP
					}
					l.serveSCTP(t, serverName(i), netip.AddrPortFrom(at, 9))
				}
				for i, from := range l.clients(t, 9) {
					got, err := l.askSCTP(t, from, virtual)
					if want := serverName(2 - i%3); err != nil || got != want {
						t.Errorf("association %d: %q, %v, want %s", i, got, err, want)
					}
				}
				closed := func(conns string) bool { return strings.Count(conns, "CLOSED") == 9 }
				if conns, ok := l.listUntil(t, closed, "-Lnc"); !ok {
					t.Errorf("not all are CLOSED:\n%s", conns)
				}
				l.needQueues(t)
			})
		}
	}
}

// listUntil lists until something holds of the listing, at most for answerTime,
// and reports whether it does.
func (l *Lab) listUntil(t *testing.T, holds func(string) bool, args ...string) (text string, ok bool) {
	t.Helper()
	for end := time.Now().Add(answerTime); ; time.Sleep(10 * time.Millisecond) {
		text, err := l.Admin(t.Context(), args...)
		check(t, err)
		if holds(text) {
			return text, true
		}
		if time.Now().After(end) {
			return text, false
		}
	}
}

// serveSCTP has a host answer messages with its name.
func (l *Lab) serveSCTP(t *testing.T, name string, at netip.AddrPort) {
	t.Helper()
	if canSCTP() == nil {
		h := Host{Name: name, Serves: []Serving{{AppSCTP, at}}}
		p, err := l.startHost(&Node{Host: h, Netns: l.Nodes[name].Netns})
		check(t, err)
		t.Cleanup(func() { check(t, p.Stop()) })
		return
	}
	end := sctpEnd(t, l.Nodes[name], at.Addr())
	go func() { _ = end.serve(name) }()
}

// askSCTP makes an association and returns who answers its message.
func (l *Lab) askSCTP(t *testing.T, from netip.Addr, to netip.AddrPort) (server string, err error) {
	t.Helper()
	if canSCTP() == nil {
		answer, err := askSCTP(t.Context(), l.Client().Netns, from, to)
		server, _, _ = strings.Cut(answer, " ")
		return server, err
	}
	return sctpEnd(t, l.Client(), from).ask(to, 40000)
}

// sctpRaw is an end of SCTP associations on a raw socket.
type sctpRaw struct {
	c    net.PacketConn
	addr netip.Addr
}

func sctpEnd(t *testing.T, n *Node, at netip.Addr) *sctpRaw {
	t.Helper()
	network := map[bool]string{true: "ip4:132", false: "ip6:132"}[at.Is4()]
	c, err := n.ListenPacket(network, at.String())
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return &sctpRaw{c, at}
}

// receive waits for a packet whose checksum is right.
func (s *sctpRaw) receive() (b []byte, from net.Addr, err error) {
	b = make([]byte, 1<<16)
	n, from, err := s.c.ReadFrom(b)
	if err != nil {
		return nil, nil, err
	}
	if b = b[:n]; n < packet.SizeSCTP+4 || packet.SCTPChecksum(b) != binary.LittleEndian.Uint32(b[8:]) {
		return nil, nil, fmt.Errorf("no SCTP packet, or a wrong checksum: % x", b)
	}
	return b, from, nil
}

func (s *sctpRaw) send(b []byte, to net.Addr) error {
	packet.SetSCTPChecksum(b)
	_, err := s.c.WriteTo(b, to)
	return err
}

// serve answers as a server, until the socket is closed.
func (s *sctpRaw) serve(name string) error {
	for {
		b, from, err := s.receive()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue // it is not answered, so that the client misses it
		}
		if answer := sctpServerSays(b, name); answer != nil {
			if err := s.send(answer, from); err != nil {
				return err
			}
		}
	}
}

// ask makes an association, and returns what the server's message says.
func (s *sctpRaw) ask(to netip.AddrPort, port uint16) (message string, err error) {
	if err := s.c.SetDeadline(time.Now().Add(2 * answerTime)); err != nil {
		return "", err
	}
	peer := &net.IPAddr{IP: to.Addr().AsSlice()}
	if err := s.send(sctpINIT(port, to.Port()), peer); err != nil {
		return "", err
	}
	for {
		b, from, err := s.receive()
		if err != nil {
			return message, err
		}
		if a, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP); a.Unmap() != to.Addr() || binary.BigEndian.Uint16(b[0:]) != to.Port() {
			return message, fmt.Errorf("a packet from %v port %d", from, binary.BigEndian.Uint16(b))
		}
		kind := b[packet.SizeSCTP]
		if kind == chunkSACK { // 16 octets, then the header of DATA, 16 octets
			message = string(b[packet.SizeSCTP+32 : packet.SizeSCTP+16+int(binary.BigEndian.Uint16(b[packet.SizeSCTP+18:]))])
		}
		next := sctpClientSays(b)
		if next == nil {
			return message, fmt.Errorf("the server says %d", kind)
		}
		if err := s.send(next, peer); err != nil || kind == chunkSHUTDOWNACK {
			return message, err
		}
	}
}
