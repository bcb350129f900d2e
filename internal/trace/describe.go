package trace

import (
	"fmt"
	"net/netip"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// describe says in a step what an event found or did.
func describe(s *Step, e packet.Event) {
	switch e := e.(type) {
	case hooks.Entered:
		s.Hook, s.Place, s.Reason = e.Place.Name, e.Place.Priority, ""
	case hooks.Decided:
		s.Verdict = e.Verdict.String()
	case hooks.Looked:
		s.Detail = looked(e)
	case hooks.Matched:
		s.Detail = matched(e)
	case hooks.Changed:
		s.Detail = fmt.Sprintf("%s to %s, %s", client(e.Conn), server(e.Conn), sched.Forward(e.Conn.Forward()))
	case hooks.Moved:
		s.Detail = moved(e)
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
	}
}

func looked(e hooks.Looked) string {
	k := &e.Key
	at := fmt.Sprintf("%s %s to %s", packet.ProtoName(k.Protocol), endpoint(k.Client, k.Family, k.CPort), endpoint(k.Virtual, k.Family, k.VPort))
	if e.Conn == nil {
		return at
	}
	return fmt.Sprintf("%s: to %s, %s, %s", at, server(e.Conn), sched.Forward(e.Conn.Forward()), e.Conn.StateName())
}

func matched(e hooks.Matched) string {
	if e.Service == nil {
		return fmt.Sprintf("%v port %d mark %d", e.Addr, e.Port, e.Mark)
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
