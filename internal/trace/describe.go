package trace

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// describe says in a step what an event found or did.
func describe(s *Step, p *packet.Packet, e packet.Event) {
	switch e := e.(type) {
	case hooks.Entered:
		s.Hook, s.Place, s.Reason = e.Place.Name, e.Place.Priority, ""
	case hooks.Decided:
		s.Verdict = e.Verdict.String()
	case hooks.Looked:
		s.Detail = looked(e)
	case hooks.Matched:
		s.Detail = matched(e, p.Family)
	case hooks.Changed:
		s.Detail = fmt.Sprintf("%s to %s, %s", client(e.Conn), server(e.Conn), sched.Forward(e.Conn.Forward()))
	case hooks.Moved:
		s.Detail = moved(e)
	case sched.Chosen:
		s.Detail = chosen(e)
	case xmit.Routed:
		s.Detail = routed(e)
	case xmit.Dropped:
		s.Verdict = xmit.Drop.String()
		if e.MTU != 0 {
			s.Detail = fmt.Sprintf("MTU %d", e.MTU)
		}
	case xmit.Translated:
		s.Detail = translated(e)
	case xmit.Encapsulated:
		s.Detail = fmt.Sprintf("%s to %s, %d octets more", e.Src.Netip(e.Family), e.Dst.Netip(e.Family), e.Octets)
	case xmit.Sent:
		s.Detail = "out by LOCAL_OUT"
		if e.Route == nil {
			s.Detail = "on this host"
		}
	case xmit.Errored:
		s.Detail = fmt.Sprintf("type %d code %d", e.Type, e.Code)
	default:
		s.Host = describeHost(s, e)
	}
}

// describeHost does the same for the machine's own events.
func describeHost(s *Step, e packet.Event) bool {
	switch e := e.(type) {
	case host.Received:
		s.Detail = "by " + e.If
	case host.Marked:
		s.Detail = fmt.Sprintf("mark %d", e.Mark)
	case host.Dropped:
		s.Verdict = xmit.Drop.String()
	case host.Queued:
		s.Detail = fmt.Sprintf("%d octets so far, at %s", e.Have, e.User)
	case host.Reassembled:
		s.Detail = fmt.Sprintf("%d fragments, the largest of %d octets", e.Fragments, e.Largest)
	case host.Fragmented:
		s.Detail = fmt.Sprintf("%d fragments", e.Count)
	case host.Unresolved:
		s.Detail = fmt.Sprintf("%s on %s", e.NextHop.Netip(e.Family), e.If)
	case host.Transmitted:
		s.Detail = fmt.Sprintf("by %s to %s", e.If, net.HardwareAddr(e.MAC[:]))
	case host.Looped:
		s.Detail = "by " + e.If
	case host.Routed, host.Sending, host.Delivered:
	default:
		return false
	}
	return true
}

// chosen tells the server and what the scheduler saw, in its order: each
// server's weight, active and inactive connections.
func chosen(e sched.Chosen) string {
	var s strings.Builder
	if e.Dest != nil {
		fmt.Fprintf(&s, "%s of ", key(e.Dest))
	}
	for i, c := range e.Candidates {
		if i > 0 {
			s.WriteString(", ")
		}
		fmt.Fprintf(&s, "%s (weight %d, %d+%d", key(c.Dest), c.Weight, c.Active, c.Inactive)
		if c.Overloaded {
			s.WriteString(", overloaded")
		}
		s.WriteString(")")
	}
	return s.String()
}

func key(d *sched.Dest) netip.AddrPort { return endpoint(d.Addr, d.Family, d.Port) }

func looked(e hooks.Looked) string {
	k := &e.Key
	at := fmt.Sprintf("%s %s to %s", packet.ProtoName(k.Protocol), endpoint(k.Client, k.Family, k.CPort), endpoint(k.Virtual, k.Family, k.VPort))
	if e.Conn == nil {
		return at
	}
	return fmt.Sprintf("%s: to %s, %s, %s", at, server(e.Conn), sched.Forward(e.Conn.Forward()), e.Conn.StateName())
}

func matched(e hooks.Matched, f packet.Family) string {
	if e.Service == nil {
		return fmt.Sprintf("%s, mark %d", endpoint(e.Addr, f, e.Port), e.Mark)
	}
	scheduler := e.Service.Scheduler
	if e.Service.FWMark != 0 {
		return fmt.Sprintf("mark %d %s", e.Service.FWMark, scheduler)
	}
	return fmt.Sprintf("%s %s %s", packet.ProtoName(e.Service.Protocol), endpoint(e.Service.Addr, e.Service.Family, e.Service.Port), scheduler)
}

func moved(e hooks.Moved) string {
	from, to := conntrack.StateName(e.Conn.Protocol, e.From), conntrack.StateName(e.Conn.Protocol, e.To)
	if e.Event == "" {
		return fmt.Sprintf("%s to %s", from, to)
	}
	return fmt.Sprintf("%s to %s by %s %s", from, to, e.Direction, e.Event)
}

func routed(e xmit.Routed) string {
	hop := "the packet's destination"
	if e.Dest != nil {
		hop = e.Dest.Addr.Netip(e.Dest.Family).String()
	}
	if e.Route.Local {
		return hop + ", this host"
	}
	if !e.Route.NextHop.IsZero() {
		if via := e.Route.NextHop.Netip(e.Route.Family).String(); via != hop {
			hop += " via " + via
		}
	}
	s := fmt.Sprintf("%s, MTU %d", hop, e.Route.MTU)
	if e.Cached {
		s += ", known"
	}
	return s
}

func translated(e xmit.Translated) string {
	return fmt.Sprintf("%s to %s", endpoint(e.Old, e.Conn.Family, e.OldPort), endpoint(e.New, e.Conn.Family, e.NewPort))
}

func client(c *conntrack.Conn) netip.AddrPort { return endpoint(c.Client, c.Family, c.CPort) }

func server(c *conntrack.Conn) netip.AddrPort { return endpoint(c.Dest, c.DestFamily, c.DPort) }

func endpoint(a packet.Addr, f packet.Family, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Netip(f), port)
}
