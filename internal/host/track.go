package host

import (
	"goipvs/conntrack"
	"goipvs/internal/nfct"
	"goipvs/packet"
)

// Track is xmit.Tracker's: netfilter tracks the connections of a family while
// somebody asks for it, and puts fragments together from then on.
//
// Kernel: net/netfilter/nf_conntrack_proto.c, nf_ct_netns_get, nf_ct_netns_put (6.1).
func (h *Host) Track(f packet.Family, on bool) {
	n := &h.tracks[f/packet.IPv6]
	if !on {
		*n--
		return
	}
	if *n++; *n == 1 {
		h.track.Resume(f)
	}
}

func (h *Host) isTracking(p *packet.Packet) bool { return h.tracks[p.Family/packet.IPv6] > 0 }

// trackIn lets connection tracking see a packet, at PREROUTING (arrived) or
// LOCAL_OUT. It reports whether p goes on.
func (h *Host) trackIn(p *packet.Packet, arrived bool) bool {
	if !h.isTracking(p) {
		return true
	}
	r := &stateOf(p).tracked
	if !h.track.In(p, r, arrived, h.now) {
		h.drop(p, ReasonTracking, "nf_conntrack_in")
		return false
	}
	p.Tracked = r.Confirmed()
	return true
}

// trackOut is connection tracking at POSTROUTING. It reports whether p goes on.
// At LOCAL_IN, where this would be as well, what is delivered ends before, as in
// the recordings.
func (h *Host) trackOut(p *packet.Packet) bool {
	s := knownState(p)
	if s == nil || !h.isTracking(p) {
		return true
	}
	if !h.track.Out(p, &s.tracked, h.now) {
		h.drop(p, ReasonTracking, "nf_confirm")
		return false
	}
	return true
}

// arrived returns what the host remembers with a packet that is being received, or
// is a fragment of p,
// as its Origin: one that was looped back here still has its connection.
func arrived(p *packet.Packet) any {
	if s := knownState(p); s != nil && s.tracked != (nfct.Ref{}) {
		return &state{tracked: s.tracked}
	}
	return nil
}

// Untrack is xmit.Tracker's.
func (h *Host) Untrack(p *packet.Packet) {
	if s := knownState(p); s != nil {
		s.tracked.Untrack()
		p.Tracked = false
	}
}

// Redirect is xmit.Tracker's.
func (h *Host) Redirect(p *packet.Packet, server packet.Addr, port uint16, helped bool) {
	if s := knownState(p); s != nil {
		s.tracked.Redirect(server, port, helped)
	}
}

// RedirectReply is xmit.Tracker's.
func (h *Host) RedirectReply(p *packet.Packet, virtual packet.Addr, port uint16, helped bool) {
	if s := knownState(p); s != nil {
		s.tracked.RedirectReply(virtual, port, helped)
	}
}

// Detach is xmit.Tracker's.
func (h *Host) Detach(p *packet.Packet, commit bool) bool {
	s := knownState(p)
	if s == nil {
		return true
	}
	if commit && !h.track.Commit(&s.tracked, h.now) {
		return false
	}
	s.tracked, p.Tracked = nfct.Ref{}, false
	return true
}

// Resize is xmit.Tracker's.
func (h *Host) Resize(p *packet.Packet, seq uint32, by int) bool {
	s := knownState(p)
	return s != nil && s.tracked.Resize(seq, by)
}

// Forget is xmit.Tracker's.
func (h *Host) Forget(c *conntrack.Conn) {
	h.track.Drop(nfct.Tuple{
		Family: c.Family, Protocol: c.Protocol, Src: c.Client, SPort: c.CPort, Dst: c.Virtual, DPort: c.VPort,
	}, h.now)
}
