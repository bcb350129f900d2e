package ipvsadm

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"goipvs/internal/control"
	"goipvs/packet"
)

// listConns lists the connections.
//
// Differs: the real one takes a line of more than 255 characters, which data of
// a persistence engine can make, for two.
func (r *run) listConns(f format) error {
	// All is read before anything is printed: whoever reads that may take his
	// time, and the daemon need not wait.
	var text bytes.Buffer
	if err := r.c.Proc(control.ProcConns, &text); err != nil {
		return &exit{exitList, fmt.Sprintf("cannot open file /proc/net/%s\n", control.ProcConns)}
	}
	lines := bufio.NewScanner(&text)
	lines.Scan() // the title
	r.printf("IPVS connection entries\n")
	if f&fmtPersistentConn != 0 {
		r.printf("pro expire %-11s %-18s %-18s %-18s %-16s %s\n", "state", "source", "virtual", "destination", "pe name", "pe_data")
	} else {
		r.printf("pro expire %-11s %-18s %-18s %s\n", "state", "source", "virtual", "destination")
	}
	for lines.Scan() {
		c, ok := parseConn(lines.Text())
		if !ok {
			return &exit{code: exitList}
		}
		r.printConn(&c, f)
	}
	return nil
}

// connLine is a line of /proc/net/ip_vs_conn.
type connLine struct {
	proto                 string
	client, virtual, dest connEnd
	state                 string
	expires               int32
	pe, peData            string
	hasPE                 bool
}

type connEnd struct {
	family packet.Family
	addr   packet.Addr
	port   uint16
}

// parseConn reads a line of /proc/net/ip_vs_conn.
func parseConn(line string) (c connLine, ok bool) {
	w := strings.Fields(line)
	if len(w) < 9 {
		return c, false
	}
	c.proto, c.state = w[0], w[7]
	for i, e := range []*connEnd{&c.client, &c.virtual, &c.dest} {
		port, err := strconv.ParseUint(w[2+2*i], 16, 16)
		if err != nil {
			return c, false
		}
		e.port = uint16(port)
		if e.addr, e.family, ok = parseConnAddr(w[1+2*i]); !ok {
			return c, false
		}
	}
	n, err := strconv.ParseUint(w[8], 10, 31)
	if err != nil {
		return c, false
	}
	c.expires = int32(n)
	if c.hasPE = len(w) > 10; c.hasPE {
		c.pe, c.peData = w[9], w[10]
	}
	return c, true
}

func parseConnAddr(s string) (packet.Addr, packet.Family, bool) {
	if a, ok := parse6(s); ok {
		return a, packet.IPv6, true
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return packet.Addr4(uint32(n)), packet.IPv4, err == nil
}

var connProtocols = map[string]uint8{"TCP": packet.ProtoTCP, "UDP": packet.ProtoUDP, "SCTP": packet.ProtoSCTP}

func (r *run) printConn(c *connLine, f format) {
	proto := connProtocols[c.proto]
	name := func(e *connEnd) string { return r.anyName(e.family, e.addr, e.port, proto, f) }
	r.printf("%-3s %-6s %-11s %-18s %-18s ", c.proto, fmt.Sprintf("%02d:%02d", c.expires/60, c.expires%60),
		c.state, name(&c.client), name(&c.virtual))
	if f&fmtPersistentConn != 0 && c.hasPE {
		r.printf("%-16s %-18s %s\n", name(&c.dest), c.pe, c.peData)
	} else {
		r.printf("%s\n", name(&c.dest))
	}
}
