package trace

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// describe says in a step what an event found or did.
func (r *Recorder) describe(s *Step, p *packet.Packet, e packet.Event) {
	switch e := e.(type) {
	case hooks.Entered:
		s.Kind, s.Text = "hook", e.Place.Purpose
	case hooks.Decided:
		s.Kind, s.Verdict, s.Text = "verdict", e.Verdict.String(), meaning(e.Why)
	case hooks.Looked:
		s.Kind, s.Text = "lookup", looked(e)
		if e.Conn != nil {
			s.Conn = r.conn(e.Conn)
			s.Text = fmt.Sprintf("connection %d: %s, %s", s.Conn, ends(e.Conn), e.Conn.StateName())
		}
	case hooks.LookedTemplate:
		s.Kind, s.Text = "template", lookedTemplate(e)
		if e.Conn != nil {
			s.Conn = r.conn(e.Conn)
			s.Text = fmt.Sprintf("template %d: %s", s.Conn, ends(e.Conn))
		}
	case hooks.Matched:
		s.Kind, s.Text = "service", matched(e, p)
		if e.Service != nil {
			s.Service = e.Service.ServiceKey.String()
		}
	case hooks.Changed:
		s.Kind, s.Conn = "conn", r.conn(e.Conn)
		s.Text = fmt.Sprintf("%s %d: %s", noun(e.Conn), s.Conn, ends(e.Conn))
		if e.Why != hooks.ReasonCreated {
			s.Text = fmt.Sprintf("%s %d: %s", noun(e.Conn), s.Conn, meaning(e.Why))
		}
	case hooks.Moved:
		s.Kind, s.Conn, s.State = "state", r.conn(e.Conn), state(e)
		s.Text = moved(s.State, e)
	case hooks.Ended:
		s.Kind, s.Time = "end", Seconds(e.At)
		s.Conn = r.id(e.Conn.Ref())
		s.Text = fmt.Sprintf("%s %d (%s, %s): %s", noun(e.Conn), s.Conn, ends(e.Conn), e.Conn.StateName(), meaning(e.Why))
		if e.Why == hooks.ReasonPutOff {
			r.conn(e.Conn)
		} else {
			r.end(e.Conn)
		}
	case sched.Chosen:
		s.Kind, s.Service, s.Choice = "schedule", e.Service.ServiceKey.String(), choice(e)
		switch {
		case e.Dest != nil:
			s.Text = s.Choice.Dest + ": " + s.Choice.Rule
		case len(e.Candidates) == 0:
			s.Text = "no server: the service has none"
		default:
			s.Text = "no server is " + s.Choice.Rule
		}
	default:
		r.describeXmit(s, p, e)
	}
}

// describeXmit does the same for the transmitters' events.
func (r *Recorder) describeXmit(s *Step, p *packet.Packet, e packet.Event) {
	switch e := e.(type) {
	case xmit.Routed:
		s.Kind, s.Route = "route", r.route(e.Route)
		s.Route.Cached = e.Cached
		s.Text = routeText(s.Route, e.Dest)
	case xmit.Fitted:
		s.Kind, s.Text = "fit", fmt.Sprintf("%d octets, and %d are allowed", e.Len, e.MTU)
		if e.Len > e.MTU {
			s.Text = fmt.Sprintf("%d octets, more than the %d allowed, but it may be fragmented", e.Len, e.MTU)
		}
	case xmit.Dropped:
		s.Kind, s.Verdict, s.Text = "verdict", xmit.Drop.String(), meaning(e.Why)
		if e.MTU != 0 {
			s.Text += fmt.Sprintf(": %d octets, and %d are allowed", p.Len(), e.MTU)
		}
	case xmit.Translated:
		s.Kind, s.Conn, s.Text = "rewrite", r.conn(e.Conn), translated(e)
	case xmit.Encapsulated:
		s.Kind = "encapsulate"
		s.Text = fmt.Sprintf("%s from %s to %s, %d octets more", tunnelName(e), e.Src.Netip(e.Family), e.Dst.Netip(e.Family), e.Octets)
	case xmit.Sent:
		s.Kind, s.Text = "send", "the packet stays on this host"
		if e.Route != nil {
			s.Text = "on by LOCAL_OUT"
		}
	case xmit.Errored:
		s.Kind = "icmp"
		name := icmpName(p.Family, e.Type, e.Code)
		if e.Type == 3 && e.Code == 4 && p.Family == packet.IPv4 || e.Type == 2 && p.Family == packet.IPv6 {
			name += fmt.Sprintf(", MTU %d", e.Info&0xffff)
		}
		s.Text = name + " is not sent: " + strings.TrimPrefix(meaning(e.Why), "no ICMP error: ")
		if e.Error != nil {
			s.Text = name + " is made for the sender"
		}
	default:
		r.describeHost(s, e)
	}
}

// icmpName names an ICMP message.
func icmpName(f packet.Family, typ, code uint8) string {
	if f == packet.IPv6 {
		return "ICMPv6 " + icmpMeaning(f, typ, code)
	}
	return "ICMP " + icmpMeaning(f, typ, code)
}

func meaning(r packet.Reason) string {
	if d, ok := reasons[r]; ok {
		return d.Meaning
	}
	return string(r)
}

func noun(c *conntrack.Conn) string {
	if c.Flags&conntrack.Template != 0 {
		return "template"
	}
	return "connection"
}

// ends tells a connection's three ends: the client, the service, the server.
func ends(c *conntrack.Conn) string {
	virtual := endpoint(c.Virtual, c.Family, c.VPort).String()
	if c.Flags&conntrack.Template != 0 && c.Protocol == packet.ProtoIP {
		virtual = fmt.Sprintf("mark %d", c.Virtual.Word(0))
	}
	return fmt.Sprintf("%s %s → %s → %s, %s", packet.ProtoName(c.Protocol),
		endpoint(c.Client, c.Family, c.CPort), virtual, endpoint(c.Dest, c.DestFamily, c.DPort), sched.Forward(c.Forward()))
}

// rules say how the schedulers choose.
var rules = map[string]string{
	"rr":    "the next in turn that takes connections",
	"wrr":   "the next in turn whose weight is at least cw; with each round cw goes down by di, from mw to 1",
	"lc":    "the least load: active connections · 256 + all connections; the first among equals",
	"wlc":   "the least load for its weight: (active connections · 256 + all connections) / weight; the first among equals",
	"sed":   "the shortest expected delay: (active connections + 1) / weight; the first among equals",
	"nq":    "the first without active connections, else the least (active connections + 1) / weight",
	"fo":    "the greatest weight",
	"ovf":   "the greatest weight among those that have no more active connections than weight",
	"sh":    "the server of the slot that the client's address is hashed to",
	"mh":    "the server of the slot of Maglev's table that the client's address is hashed to",
	"dh":    "the server of the slot that the destination address is hashed to",
	"lblc":  "the server that the destination address is remembered for, unless it is crowded; else as wlc",
	"lblcr": "the least loaded of the servers that the destination address is remembered for, unless it is crowded; else as wlc",
	"twos":  "of two servers drawn by weight the one with less load for its weight",
	"none":  "the service has no scheduler",
}

func choice(e sched.Chosen) *Choice {
	c := &Choice{Scheduler: e.Scheduler, Rule: rules[e.Scheduler], Servers: []Candidate{}}
	if e.Dest != nil {
		c.Dest = e.Dest.DestKey.String()
	}
	for _, f := range e.Figures {
		c.Figures = append(c.Figures, Field{f.Name, f.Value})
	}
	for _, x := range e.Candidates {
		c.Servers = append(c.Servers, Candidate{
			Address: x.Dest.DestKey.String(), Weight: x.Weight, Active: x.Active, Inactive: x.Inactive,
			Load: x.Load, Slots: x.Slots, Overloaded: x.Overloaded, Why: x.Why,
		})
	}
	return c
}

func looked(e hooks.Looked) string {
	k := &e.Key
	return fmt.Sprintf("no connection of %s %s → %s", packet.ProtoName(k.Protocol), endpoint(k.Client, k.Family, k.CPort), endpoint(k.Virtual, k.Family, k.VPort))
}

func lookedTemplate(e hooks.LookedTemplate) string {
	k := &e.Key
	what := "client " + k.Client.Netip(k.Family).String()
	if k.PEData != nil {
		what = fmt.Sprintf("%s's %q", k.PE, k.PEData)
	}
	return "no template of " + what
}

func matched(e hooks.Matched, p *packet.Packet) string {
	if e.Service == nil {
		s := "no service for " + endpoint(e.Addr, p.Family, e.Port).String()
		if e.Mark != 0 {
			s += fmt.Sprintf(", nor for mark %d", e.Mark)
		}
		return s
	}
	v := e.Service
	s := fmt.Sprintf("service %s, scheduler %s", v.ServiceKey, v.Scheduler)
	if v.Flags&sched.Persistent != 0 {
		s += fmt.Sprintf(", persistent for %d s", v.Timeout)
	}
	switch {
	case v.FWMark != 0:
		s += ", by the packet's mark"
	case v.Port == 0:
		s += ", which takes all ports"
	case v.Port != e.Port:
		s += ", as FTP's data may be"
	}
	return s
}

func state(e hooks.Moved) *State {
	proto := e.Conn.Protocol
	return &State{
		From: conntrack.StateName(proto, e.From), To: conntrack.StateName(proto, e.To),
		Direction: e.Direction.String(), Event: e.Change.Event, Timeout: Seconds(e.Timeout), Active: e.Active,
	}
}

func moved(x *State, e hooks.Moved) string {
	var s strings.Builder
	if x.From == x.To {
		s.WriteString("stays " + x.To)
	} else {
		fmt.Fprintf(&s, "%s → %s", x.From, x.To)
	}
	switch {
	case x.Event != "":
		fmt.Fprintf(&s, " by %s %s", x.Direction, x.Event)
	case e.Conn.Protocol == packet.ProtoTCP:
		fmt.Fprintf(&s, " by %s without a flag that counts", x.Direction)
	}
	if e.Secure {
		s.WriteString(", table of secure_tcp")
	}
	fmt.Fprintf(&s, "; lives %s without a packet", span(x.Timeout))
	switch x.Active {
	case 1:
		s.WriteString("; counts as active now")
	case -1:
		s.WriteString("; counts as active no longer")
	}
	return s.String()
}

func (r *Recorder) route(rt *packet.Route) *Route {
	x := &Route{Local: rt.Local, MTU: rt.MTU, Interface: r.iface(rt.OutIf)}
	if !rt.NextHop.IsZero() {
		x.NextHop = rt.NextHop.Netip(rt.Family).String()
	}
	return x
}

func (r *Recorder) iface(index int) string {
	if r.IfName != nil {
		return r.IfName(index)
	}
	return fmt.Sprintf("if%d", index)
}

func routeText(x *Route, d *sched.Dest) string {
	to := "the packet's destination"
	if d != nil {
		to = d.Addr.Netip(d.Family).String()
	}
	if x.Local {
		return to + " is this host"
	}
	s := to + " by " + x.Interface
	if x.NextHop != "" && x.NextHop != to {
		s += " via " + x.NextHop
	}
	s += fmt.Sprintf(", MTU %d", x.MTU)
	if x.Cached {
		s += ", remembered by the server"
	}
	return s
}

func tunnelName(e xmit.Encapsulated) string {
	switch {
	case e.Dest == nil:
	case e.Dest.TunType == sched.TunGUE:
		return "GUE"
	case e.Dest.TunType == sched.TunGRE:
		return "GRE"
	}
	return "IPIP"
}

func translated(e xmit.Translated) string {
	what := "destination"
	if e.Why == xmit.ReasonSNAT || e.Why == xmit.ReasonSNATQuoted {
		what = "source"
	}
	s := fmt.Sprintf("%s %s → %s", what, endpoint(e.Old, e.Conn.Family, e.OldPort), endpoint(e.New, e.Conn.Family, e.NewPort))
	if e.Why == xmit.ReasonSNATQuoted || e.Why == xmit.ReasonDNATQuoted {
		s += ", and the other way around in the quoted packet"
	}
	return s
}

func endpoint(a packet.Addr, f packet.Family, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Netip(f), port)
}

func mac(a [6]byte) string { return net.HardwareAddr(a[:]).String() }
