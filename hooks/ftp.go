package hooks

import (
	"encoding/binary"
	"fmt"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// The FTP helper follows the control connections of NAT services on port 21: it
// makes the data connections that PORT, EPRT and the answers to PASV and EPSV
// announce, and puts the virtual service's address into those answers.
//
// Kernel: ip_vs_ftp.c (6.1).
//
// Sequence numbers are left to the host's connection tracking where it can be
// reached (xmit.Tracker); elsewhere the connection keeps them.

const ftpPort = 21

// What the client asked for last: conntrack.FTP.Mode.
const (
	ftpActive = iota // PORT or EPRT, or nothing
	ftpPASV
	ftpEPSV
)

// isFTP reports whether a new connection is a control connection that the
// helper follows.
//
// Kernel: ip_vs_proto_tcp.c, tcp_app_conn_bind (6.1).
func isFTP(n *conntrack.New) bool {
	return n.Protocol == packet.ProtoTCP && n.VPort == ftpPort && n.Flags&conntrack.FwdMask == conntrack.Flags(sched.Masq)
}

// ftp returns what the helper keeps of a connection, nil if it isn't one of its.
func (c *call) ftp(cp *conntrack.Conn) *conntrack.FTP {
	if x := c.shard.Ext(cp); x != nil {
		return x.FTP
	}
	return nil
}

// segment returns a TCP segment whose header is whole and whose checksum is
// right, as far as that has to be looked at, nil if it isn't one. The kernel sums
// up an IPv4 packet with its header, which has to be right, too: it isn't where
// options were filled in, until the packet is sent on.
//
// Kernel: ip_vs_proto_tcp.c, tcp_csum_check; net/netfilter/utils.c,
// nf_ip_checksum (6.1).
func (c *call) segment() []byte {
	b := c.p.Data()
	if len(b) < c.h.Len+packet.SizeTCP {
		return nil
	}
	c.p.CompleteChecksum()
	head, seg := b[:c.h.Len], b[c.h.Len:]
	if c.p.TrustsChecksum() {
		return seg
	}
	if c.h.Family == packet.IPv4 && packet.Fold(packet.Sum(head, 0)) != 0 ||
		packet.TransportChecksum(c.h.Family, c.h.Src, c.h.Dst, packet.ProtoTCP, seg) != 0 {
		return nil
	}
	return seg
}

// payload returns the data of a segment, nil if there is none.
//
// Kernel: ip_vs_ftp.c, ip_vs_ftp_data_ptr (6.1).
func payload(seg []byte) []byte {
	n := int(seg[12]>>4) * 4
	if n < packet.SizeTCP || n >= len(seg) {
		return nil
	}
	return seg[n:]
}

// said returns the data of an established connection's segment, nil if there is
// none. The packet is made one piece for it.
func (c *call) said(cp *conntrack.Conn, seg []byte) []byte {
	if cp.State != tcpEstablished {
		return nil
	}
	c.p.Linearize(c.p.Len())
	return payload(seg)
}

// Mangle implements xmit.Mangler: it is called before a request is translated.
func (c *call) Mangle(cp *conntrack.Conn) bool { return c.ftpIn(cp) }

// ftpIn looks at what the client says. It reports false if the packet must be
// dropped.
//
// Kernel: ip_vs_ftp.c, ip_vs_ftp_in (6.1).
func (c *call) ftpIn(cp *conntrack.Conn) bool {
	f := c.ftp(cp)
	seg := c.segment()
	if seg == nil {
		return false
	}
	ok := true
	if data := c.said(cp, seg); data != nil {
		ok = c.ftpCommand(cp, f, data)
	}
	return ok && (c.d.tracker != nil || conntrack.AdjustSeq(seg, &f.In, &f.Out))
}

func (c *call) ftpCommand(cp *conntrack.Conn, f *conntrack.FTP, data []byte) bool {
	if mode, found := passive(data, cp.Family, f.Mode); found {
		f.Mode = mode
		c.changed(ReasonFTPPassive, cp, "ip_vs_ftp_in")
		return true
	}
	r, ok := ftpAddress{}, false
	if cp.Family == packet.IPv4 {
		r, ok = parseAddress(data, "PORT", ' ', false, cp.Family, packet.Addr{}, false)
	}
	if !ok {
		r, ok = parseAddress(data, "EPRT", ' ', true, cp.Family, packet.Addr{}, false)
	}
	if !ok {
		return true
	}
	f.Mode = ftpActive
	k := conntrack.Key{
		Family: cp.Family, Protocol: packet.ProtoTCP,
		Client: r.addr, CPort: r.port, Virtual: cp.Virtual, VPort: cp.VPort - 1,
	}
	if c.d.conns.Shard(&k.Client) != c.shard {
		// Differs: data for another host than the client is not followed where
		// that host's connections are kept apart from the client's.
		return true
	}
	n := c.shard.In(&k)
	if n == nil {
		if n = c.dataConn(cp, k, cp.Dest, cp.DPort-1, 0); n == nil {
			return false
		}
	}
	c.d.machines.Listen(n)
	c.changed(ReasonFTPExpected, n, "ip_vs_tcp_conn_listen")
	c.shard.Put(n)
	return true
}

// ftpOut looks at what the server says, and puts the virtual service into its
// answer to PASV or EPSV. It reports false if the packet must be dropped.
//
// Kernel: ip_vs_ftp.c, ip_vs_ftp_out (6.1).
func (c *call) ftpOut(cp *conntrack.Conn, f *conntrack.FTP) bool {
	seg := c.segment()
	if seg == nil {
		return false
	}
	if data := c.said(cp, seg); data != nil && f.Mode != ftpActive {
		if !c.ftpAnswer(cp, f, data) {
			return false
		}
		seg = c.p.Data()[c.h.Len:]
	}
	return c.d.tracker != nil || conntrack.AdjustSeq(seg, &f.Out, &f.In)
}

func (c *call) ftpAnswer(cp *conntrack.Conn, f *conntrack.FTP, data []byte) bool {
	var r ftpAddress
	var ok bool
	if f.Mode == ftpPASV {
		r, ok = parseAddress(data, "227 ", '(', false, cp.Family, packet.Addr{}, false)
	} else {
		r, ok = parseAddress(data, "229 ", '(', true, cp.Family, cp.Dest, true)
	}
	if !ok {
		return true
	}
	n := c.shard.Out(&conntrack.Key{
		Family: cp.Family, Protocol: packet.ProtoTCP, Client: r.addr, CPort: r.port, Virtual: cp.Client,
	})
	if n == nil {
		k := conntrack.Key{
			Family: cp.Family, Protocol: packet.ProtoTCP,
			Client: cp.Client, Virtual: cp.Virtual, VPort: r.port,
		}
		if n = c.dataConn(cp, k, r.addr, r.port, conntrack.NoCPort); n == nil {
			return false
		}
	}
	text := fmt.Sprintf("|||%d|", n.VPort)
	if v := n.Virtual; f.Mode == ftpPASV {
		text = fmt.Sprintf("%d,%d,%d,%d,%d,%d", v[0], v[1], v[2], v[3], n.VPort>>8, n.VPort&0xff)
	}
	ok = c.replace(f, data, r, text)
	if ok {
		c.changed(ReasonFTPAnswer, cp, "nf_nat_mangle_tcp_packet")
	}
	f.Mode = ftpActive
	c.d.machines.Listen(n)
	c.changed(ReasonFTPExpected, n, "ip_vs_tcp_conn_listen")
	c.shard.Put(n)
	return ok
}

// dataConn makes a data connection that the control connection cp controls.
func (c *call) dataConn(cp *conntrack.Conn, k conntrack.Key, addr packet.Addr, port uint16, flags conntrack.Flags) *conntrack.Conn {
	dest := c.dest(cp)
	if dest == nil {
		return nil
	}
	n := c.newConnTo(c.shard, &k, dest, addr, port, flags|conntrack.NFCT)
	if n != nil {
		c.shard.AddControl(n, cp)
	}
	return n
}

// replace puts text in place of what was parsed in data, the packet's payload,
// and makes lengths and checksums right. The segment's is left to who sends it:
// what stays on this host has none. It reports false where connection tracking
// takes the packet for none of its connections': it must be dropped.
//
// Kernel: net/netfilter/nf_nat_helper.c, __nf_nat_mangle_tcp_packet;
// net/netfilter/nf_nat_proto.c, nf_nat_csum_recalc (6.1).
func (c *call) replace(f *conntrack.FTP, data []byte, r ftpAddress, text string) bool {
	old := c.p.Data()
	by, seq := len(text)-(r.end-r.start), binary.BigEndian.Uint32(old[c.h.Len+4:])
	if c.d.tracker == nil {
		if by != 0 {
			f.Out.Resize(seq, by)
		}
	} else if !c.d.tracker.Resize(c.p, seq, by) {
		return false
	}
	at := len(old) - len(data)
	b := make([]byte, 0, len(old)+by)
	b = append(b, old[:at+r.start]...)
	b = append(b, text...)
	b = append(b, old[at+r.end:]...)
	c.p.Replace(b)
	d := b
	if c.h.Family == packet.IPv6 {
		binary.BigEndian.PutUint16(d[4:], uint16(len(d)-packet.SizeIPv6))
	} else {
		binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
		packet.SetIPv4Checksum(d, 0)
	}
	seg := d[c.h.Len:]
	binary.BigEndian.PutUint16(seg[16:], ^packet.Fold(packet.PseudoSum(c.h.Family, c.h.Src, c.h.Dst, packet.ProtoTCP, len(seg))))
	c.p.Partial, c.p.Check = c.h.Len, 16
	if c.d.tracker == nil {
		c.p.CompleteChecksum()
	}
	return true
}

var _ xmit.Mangler = (*call)(nil)
