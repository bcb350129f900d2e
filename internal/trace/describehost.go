package trace

import (
	"fmt"

	"goipvs/internal/host"
	"goipvs/internal/live/handed"
	"goipvs/packet"
	"goipvs/xmit"
)

// describeHost says in a step what the machine around IPVS did.
func (r *Recorder) describeHost(s *Step, e packet.Event) {
	s.Host = true
	switch e := e.(type) {
	case host.Received:
		s.Kind, s.Text = "receive", "by "+e.If
	case host.Routed:
		s.Kind, s.Route = "routing", r.route(e.Route)
		s.Text = "for this host: LOCAL_IN"
		if e.Why == host.ReasonForward {
			s.Text = "for somebody else, by " + via(s.Route) + ": FORWARD"
		}
	case host.Sending:
		s.Kind, s.Route = "sending", r.route(e.Route)
		s.Text = "by a process of this host, by " + via(s.Route) + ": LOCAL_OUT"
		if e.Route.Local {
			s.Text = "by a process of this host, to this host: LOCAL_OUT"
		}
	case host.Marked:
		s.Kind, s.Text = "mark", fmt.Sprintf("mark %d", e.Mark)
	case host.Dropped:
		s.Kind, s.Verdict, s.Text = "drop", xmit.Drop.String(), meaning(e.Why)
		if reasons[e.Why].Effect == packet.Done {
			s.Kind, s.Verdict = "handle", ""
		}
	case host.Queued:
		s.Kind, s.Text = "queue", fmt.Sprintf("%d octets of the datagram are here so far, at %s", e.Have, e.User)
	case host.Reassembled:
		s.Kind, s.Text = "reassemble", fmt.Sprintf("%d fragments, the largest of %d octets", e.Fragments, e.Largest)
	case host.Fragmented:
		s.Kind, s.Text = "fragment", fmt.Sprintf("left in %d fragments", e.Count)
	case host.Unresolved:
		s.Kind, s.Text = "resolve", fmt.Sprintf("waits for the Ethernet address of %s on %s", e.NextHop.Netip(e.Family), e.If)
	case host.Transmitted:
		s.Kind, s.Text = "transmit", fmt.Sprintf("by %s to %s", e.If, mac(e.MAC))
	case host.Looped:
		s.Kind, s.Text = "loop", "for this host: comes in again by "+e.If
	case host.Delivered:
		s.Kind, s.Text = "deliver", "to a process of this host"
	default:
		r.describeDaemon(s, e)
	}
}

// describeDaemon says what the daemon did beside IPVS.
func (r *Recorder) describeDaemon(s *Step, e packet.Event) {
	switch e := e.(type) {
	case handed.Leaving:
		s.Kind, s.Route = "sending", r.route(e.Route)
		s.Text = "by a process of this host, by " + via(s.Route) + ": LOCAL_OUT"
		if e.Route.Local {
			s.Text = "by a process of this host, to this host: LOCAL_OUT"
		}
	case handed.Sent:
		s.Kind, s.Text = "transmit", "sent anew by "+r.iface(e.OutIf)
	case handed.GoesOn:
		s.Kind, s.Text = "transmit", "goes on by "+r.iface(e.OutIf)
		if e.Local {
			s.Kind, s.Text = "deliver", "goes on to a process of this host"
		}
	case handed.Dropped:
		s.Kind, s.Verdict, s.Text = "drop", xmit.Drop.String(), meaning(e.Why)
	default:
		s.Host = false
		s.Kind, s.Text = "other", string(e.Reason())
	}
}

func via(x *Route) string {
	if x.NextHop != "" {
		return x.Interface + " via " + x.NextHop
	}
	return x.Interface
}
