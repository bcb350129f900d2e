package hooks

import (
	"bytes"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// The persistence engine sip: a client's requests with the same Call-ID go to
// the same server. It is the only engine there is.
//
// Kernel: ip_vs_pe_sip.c (6.1).

// maxPEData is the longest Call-ID that the engine takes.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_PEDATA_MAXLEN (6.1).
const maxPEData = 255

// engineData adds what the service's persistence engine reads from the packet
// to a template's key. It reports false if the engine can't read it. The data
// stays the packet's.
//
// Kernel: ip_vs_core.c, ip_vs_conn_fill_param_persist; ip_vs_pe_sip.c,
// ip_vs_sip_fill_param (6.1).
func (c *call) engineData(s *sched.Service, k *conntrack.Key) bool {
	if s.PE == "" {
		return true
	}
	var h packet.Header
	if !c.p.ParseHeader(&h) || h.Protocol != packet.ProtoUDP {
		return false
	}
	b := c.p.Data()
	if len(b) <= h.Len+packet.SizeUDP {
		return false
	}
	c.p.Linearize(c.p.Len())
	k.PE, k.PEData = s.PE, callID(b[h.Len+packet.SizeUDP:])
	return k.PEData != nil
}

// serverRequest makes a connection for a packet that a real server of a service
// with a persistence engine sends on its own, so that the client's answers find
// the server. It returns nil where there is none to make.
//
// Kernel: ip_vs_core.c, __ip_vs_rs_conn_out, ip_vs_new_conn_out (6.1).
func (c *call) serverRequest() *conntrack.Conn {
	sport, dport, ok := c.h.Ports(c.p.Data())
	if c.pt == LocalIn || !ok {
		return nil
	}
	dest := c.d.table.RealService(c.h.Family, c.h.Protocol, c.h.Src, sport)
	if dest == nil {
		return nil
	}
	s := dest.Service()
	if s.PE == "" || s.FWMark != 0 || s.Port == 0 || sport == 0 {
		return nil
	}
	k := conntrack.Key{
		Family: s.Family, Protocol: c.h.Protocol,
		Client: c.h.Dst, CPort: dport, Virtual: s.Addr, VPort: s.Port,
	}
	if s.Flags&sched.Persistent == 0 {
		cp := c.newConn(c.shard, &k, dest, sport, onePacket(s, &c.h))
		if cp != nil {
			c.countConn(cp, s)
		}
		return cp
	}
	tk := k
	tk.Client, tk.CPort = k.Client.Mask(s.Family, s.Netmask), 0
	if !c.engineData(s, &tk) {
		return nil
	}
	ts := conntrack.LockNested(c.shard, c.d.conns.TemplateShard(&tk.Client))
	defer ts.Unlock()
	ct := c.template(ts.Shard, &tk)
	if ct != nil && !c.usable(ts.Shard, ct, dest) {
		ct = nil
	}
	if ct == nil {
		if ct = c.newConn(ts.Shard, &tk, dest, sport, conntrack.Template); ct == nil {
			return nil
		}
		ct.Timeout = s.Timeout * conntrack.HZ
	}
	cp := c.newConn(c.shard, &k, dest, sport, onePacket(s, &c.h))
	if cp != nil {
		c.shard.AddControl(cp, ct)
	}
	ts.Put(ct)
	if cp != nil {
		c.countConn(cp, s)
	}
	return cp
}

// callID returns the value of a SIP message's Call-ID header, nil if there is
// none that is complete. The first line is not looked at: it is no header.
//
// Kernel: net/netfilter/nf_conntrack_sip.c, ct_sip_get_header; ip_vs_pe_sip.c,
// get_callid (6.1).
func callID(msg []byte) []byte {
	for at := 0; ; {
		value := headerValue(msg, &at)
		if value < 0 {
			return nil
		}
		n := callIDLen(msg[value:])
		if n == 0 {
			at += value // as the kernel counts
			continue
		}
		id := msg[value : value+n]
		rest := msg[value+n:]
		if n > maxPEData || len(rest) == 0 || rest[0] != '\r' && rest[0] != '\n' {
			return nil
		}
		return id
	}
}

// headerValue finds the next Call-ID header from *at on and returns where its
// value starts, -1 if there is none.
func headerValue(msg []byte, at *int) int {
	for i := *at; i < len(msg); i++ {
		if msg[i] != '\r' && msg[i] != '\n' {
			continue
		}
		i++
		if i < len(msg) && msg[i-1] == '\r' && msg[i] == '\n' {
			i++
		}
		if i >= len(msg) {
			break
		}
		if msg[i] == ' ' || msg[i] == '\t' {
			continue // the line before goes on
		}
		n := headerName(msg[i:])
		if n == 0 {
			continue
		}
		i = skipSpace(msg, i+n)
		if i < 0 || msg[i] != ':' || i+1 >= len(msg) {
			break
		}
		return skipSpace(msg, i+1)
	}
	return -1
}

// headerName returns the length of the name Call-ID, or of its short form, at
// the start of a line.
func headerName(line []byte) int {
	const name = "Call-ID"
	if len(line) >= len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
		return len(name)
	}
	if len(line) >= 2 && line[0]|0x20 == 'i' && !isAlpha(line[1]) {
		return 1
	}
	return 0
}

// skipSpace skips blanks and one line break that continues a header. It returns
// -1 at the end.
//
// Kernel: net/netfilter/nf_conntrack_sip.c, sip_skip_whitespace,
// sip_follow_continuation (6.1).
func skipSpace(msg []byte, i int) int {
	for i < len(msg) && (msg[i] == ' ' || msg[i] == '\t') {
		i++
	}
	if i < len(msg) && (msg[i] == '\r' || msg[i] == '\n') {
		i++
		if i < len(msg) && msg[i-1] == '\r' && msg[i] == '\n' {
			i++
		}
		if i >= len(msg) || msg[i] != ' ' && msg[i] != '\t' {
			return -1
		}
		for i < len(msg) && (msg[i] == ' ' || msg[i] == '\t') {
			i++
		}
	}
	if i >= len(msg) {
		return -1
	}
	return i
}

// callIDLen returns the length of a Call-ID (RFC 3261 §25.1: word [ "@" word ]),
// 0 if there is none.
func callIDLen(b []byte) int {
	n := wordLen(b)
	if n == 0 || n == len(b) || b[n] != '@' {
		return n
	}
	m := wordLen(b[n+1:])
	if m == 0 {
		return 0
	}
	return n + 1 + m
}

func wordLen(b []byte) int {
	n := 0
	for n < len(b) && (isAlpha(b[n]) || b[n] >= '0' && b[n] <= '9' || bytes.IndexByte([]byte("-.!%*_+`'~()<>:\\\"/[]?{}"), b[n]) >= 0) {
		n++
	}
	return n
}

// isAlpha reports whether c is a letter, of ISO 8859-1: the kernel knows no other
// alphabet.
//
// Kernel: lib/ctype.c, _ctype (6.1).
func isAlpha(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0xc0 && c != 0xd7 && c != 0xf7
}
