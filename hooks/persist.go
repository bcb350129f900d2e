package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// schedulePersistent makes a connection by the persistence template of its
// client, or makes both. k is the connection's key.
//
// Kernel: ip_vs_core.c, ip_vs_sched_persist (6.1).
func (c *call) schedulePersistent(s *sched.Service, h *packet.Header, k *conntrack.Key) (*conntrack.Conn, packet.Reason) {
	const portFTP = 21
	tk := templateKey(s, k)
	if !c.engineData(s, &tk) {
		return nil, ReasonPersistence
	}
	ts := conntrack.LockNested(c.shard, c.d.conns.TemplateShard(&tk.Client))
	defer ts.Unlock()
	ct := c.template(ts.Shard, &tk)
	if ct != nil && !c.usable(ts.Shard, ct, nil) {
		ct = nil
	}
	var dest *sched.Dest
	if ct == nil {
		if dest = c.choose(s, h); dest == nil {
			return nil, ReasonNoDest
		}
		port := uint16(0)
		if k.VPort == s.Port && s.Port != portFTP {
			port = dest.Port
		}
		if ct = c.newConn(ts.Shard, &tk, dest, port, conntrack.Template); ct == nil {
			return nil, ReasonMemory
		}
		ct.Timeout = s.Timeout * conntrack.HZ
	} else {
		dest = c.dest(ct)
		c.changed(ReasonTemplate, ct, "ip_vs_sched_persist")
	}
	port := k.VPort
	if port == s.Port && dest.Port != 0 {
		port = dest.Port
	}
	cp := c.newConn(c.shard, k, dest, port, onePacket(s, h))
	if cp != nil {
		c.shard.AddControl(cp, ct)
	}
	ts.Put(ct)
	if cp == nil {
		return nil, ReasonMemory
	}
	c.countConn(cp, s)
	return cp, ""
}

// template looks up a persistence template.
func (c *call) template(s *conntrack.Shard, k *conntrack.Key) *conntrack.Conn {
	ct := s.Template(k)
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, LookedTemplate{*k, ct})
	}
	return ct
}

// templateKey returns the key of the template that a connection belongs to: the
// client's network, and the service's port but for FTP, catch-all and
// firewall-mark services, which keep a client's connections to all ports
// together.
func templateKey(s *sched.Service, k *conntrack.Key) conntrack.Key {
	const portFTP = 21
	tk := conntrack.Key{
		Family: k.Family, Protocol: k.Protocol,
		Client: k.Client.Mask(s.Family, s.Netmask), Virtual: k.Virtual,
	}
	switch {
	case k.VPort == s.Port:
		if s.Port != portFTP {
			tk.VPort = k.VPort
		}
	case s.FWMark != 0:
		tk.Protocol, tk.Virtual = packet.ProtoIP, packet.Addr4(s.FWMark)
	}
	return tk
}

// usable reports whether a template's server can take another connection, and is
// the one that is wanted, if any; if not the template is invalidated.
//
// Kernel: ip_vs_conn.c, ip_vs_check_template (6.1).
func (c *call) usable(s *conntrack.Shard, ct *conntrack.Conn, want *sched.Dest) bool {
	dest := c.dest(ct)
	var why packet.Reason
	switch {
	case dest == nil || !dest.Available:
		why = ReasonStaleGone
	case c.d.set.ExpireQuiescentTemplate && dest.Weight == 0:
		why = ReasonStaleQuiesced
	case want != nil && want != dest:
		why = ReasonStaleOther
	default:
		return true
	}
	c.changed(why, ct, "ip_vs_check_template")
	s.Invalidate(ct)
	return false
}
