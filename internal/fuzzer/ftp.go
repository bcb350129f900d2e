package fuzzer

import (
	"fmt"
	"net/netip"

	"goipvs/packet"
)

// ftpPort is the port whose services ip_vs_ftp looks after.
const ftpPort = 21

// ftpFlow is a client's FTP control connection: a TCP connection whose data are
// commands.
type ftpFlow struct{ *tcpFlow }

func (f ftpFlow) step(t *traffic) {
	if f.phase != open && f.phase != accepted || !t.in(60) {
		f.tcpFlow.step(t)
		return
	}
	f.phase = open
	s := segment{sport: f.cport, dport: f.vport, seq: f.seq, ack: f.ack, flags: psh | ack, data: t.ftpCommand(f.client)}
	if !t.in(8) {
		f.seq += uint32(len(s.data))
	}
	if t.in(4) {
		s.options = []byte{1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 20} // SACK
	}
	t.send(f.iface, f.mac(), s.datagram(t.header(f.client, f.virtual)))
}

// ftpCommand draws what a client says.
func (t *traffic) ftpCommand(client netip.Addr) []byte {
	port := t.between(20000, 20020)
	switch t.IntN(10) {
	case 0:
		return []byte(pick(t.dice, []string{"USER anonymous\r\n", "PORT nonsense\r\n", "PORT 1,2,3\r\n", "EPRT |9|x|1|\r\n", "pasv", "xPASV\r\n"}))
	case 1, 2:
		if client.Is4() {
			a := client.As4()
			return fmt.Appendf(nil, "%s %d,%d,%d,%d,%d,%d\r\n", pick(t.dice, []string{"PORT", "port", "PORT "}), a[0], a[1], a[2], a[3], port>>8, port&255)
		}
		return fmt.Appendf(nil, "EPRT |2|%s|%d|\r\n", client, port)
	case 3:
		return fmt.Appendf(nil, "EPRT |%d|%s|%d|\r\n", 1+familyOf(client), client, port)
	case 4, 5:
		return []byte(pick(t.dice, []string{"EPSV\r\n", "EPSV 1\r\n", "EPSV 2\r\n", "epsv all\r\n"}))
	}
	return []byte(pick(t.dice, []string{"PASV\r\n", "pasv\r\n", "NOOP\r\nPASV\r\n"}))
}

// ftpAnswer draws what a server says.
func (t *traffic) ftpAnswer(server netip.Addr) []byte {
	port := t.between(30000, 30020)
	if t.in(10) {
		server = realServer(familyOf(server), t.between(1, servers))
	}
	switch {
	case t.in(15):
		return []byte(pick(t.dice, []string{"220 ready\r\n", "227 no address\r\n", "229 (|||)\r\n", "227 Entering Passive Mode (1,2,3,4,5\r\n"}))
	case server.Is6() || t.in(30):
		return fmt.Appendf(nil, "229 Entering Extended Passive Mode (|||%d|)\r\n", port)
	}
	a := server.As4()
	form := pick(t.dice, []string{"227 Entering Passive Mode (%d,%d,%d,%d,%d,%d)\r\n", "227 (%d,%d,%d,%d,%d,%d).\r\n", "227 =%d,%d,%d,%d,%d,%d\r\n"})
	return fmt.Appendf(nil, form, a[0], a[1], a[2], a[3], port>>8, port&255)
}

// ftpData opens a data connection of somebody's control connection: the client
// to the service, or the server to the client.
func (t *traffic) ftpData() {
	if len(t.flows) == 0 {
		return
	}
	e := pick(t.dice, t.flows).ends()
	if e.vport != ftpPort {
		return
	}
	if t.in(60) {
		e.vport, e.cport = uint16(t.between(30000, 30020)), uint16(t.between(40000, 40005))
		t.flows = append(t.flows[1:], newTCPFlow(t, e))
		t.flows[len(t.flows)-1].step(t)
		return
	}
	for _, s := range t.servers {
		if s.h.Protocol == packet.ProtoTCP && s.src == e.client && s.ok {
			x := segment{
				sport: 20, dport: uint16(t.between(20000, 20020)), seq: t.Uint32(),
				flags: pick(t.dice, []uint8{syn, syn, syn, ack, fin | ack, rst}),
			}
			t.send(s.iface, s.to, x.datagram(t.header(s.dst, s.src)))
			return
		}
	}
}
