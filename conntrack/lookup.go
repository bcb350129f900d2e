package conntrack

import (
	"bytes"

	"goipvs/packet"
)

func (s *Shard) hashOf(a *packet.Addr, proto uint8, port uint16) uint32 {
	return hashConn(hashAddr(s.table.seed, a), proto, port)
}

// Spot is where the connections are of a client's port.
type Spot struct {
	*Shard // unlocked
	hash   uint32
}

// Spot returns where the connections are of a client's port.
func (t *Table) Spot(client *packet.Addr, proto uint8, port uint16) Spot {
	h := hashAddr(t.seed, client)
	s := &t.shards[0]
	if t.n > 1 {
		s = &t.shards[t.share(h)]
	}
	return Spot{s, hashConn(h, proto, port)}
}

// In is Shard.In for a connection of this spot, but finds none whose client's
// port isn't known yet. The shard is locked.
func (s Spot) In(k *Key) *Conn { return s.in(k, k.CPort, s.hash) }

// Out is Shard.Out for a connection of this spot. The shard is locked.
func (s Spot) Out(k *Key) *Conn { return s.out(k, s.hash) }

// In returns the connection that a request belongs to: exactly, or one whose
// client's port isn't known yet. nil if there is none.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_in_get (6.1).
func (s *Shard) In(k *Key) *Conn {
	if c := s.in(k, k.CPort, s.hashOf(&k.Client, k.Protocol, k.CPort)); c != nil || s.table.noCPort.Load() == 0 {
		return c
	}
	return s.in(k, 0, s.hashOf(&k.Client, k.Protocol, 0))
}

func (s *Shard) in(k *Key, cport uint16, hash uint32) *Conn {
	for b := s.index.bucket(hash); ; b = s.index.older(b.next) {
		for i := int(min(b.n, lineSize)) - 1; i >= 0; i-- {
			if b.hash[i] != hash {
				continue
			}
			c := s.at(b.place[i])
			if c.CPort == cport && c.VPort == k.VPort && c.Family == k.Family &&
				c.Client == k.Client && c.Virtual == k.Virtual &&
				(cport == 0) == (c.Flags&NoCPort != 0) && c.Protocol == k.Protocol {
				return c
			}
		}
		if b.next == 0 {
			return nil
		}
	}
}

// Out returns the connection that a reply belongs to: k.Client is the packet's
// source, k.Virtual its destination. With several that fit, the one at the
// chain's head: the newest, as long as the chains weren't turned around. nil if
// there is none.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_out_get (6.1).
func (s *Shard) Out(k *Key) *Conn { return s.out(k, s.hashOf(&k.Virtual, k.Protocol, k.VPort)) }

func (s *Shard) out(k *Key, hash uint32) *Conn {
	for b := s.index.bucket(hash); ; b = s.index.older(b.next) {
		for i := int(min(b.n, lineSize)) - 1; i >= 0; i-- {
			if b.hash[i] != hash {
				continue
			}
			c := s.at(b.place[i])
			if c.CPort != k.VPort || c.Family != k.Family || c.Client != k.Virtual || c.Protocol != k.Protocol {
				continue
			}
			addr, port := &c.Dest, c.DPort
			if c.Forward() != 0 {
				addr, port = &c.Virtual, c.VPort
			}
			if k.CPort == port && k.Client == *addr {
				return c
			}
		}
		if b.next == 0 {
			return nil
		}
	}
}

// Template returns the persistence template for k, nil if there is none. With a
// persistence engine's data it is that which must be equal, too.
//
// Kernel: ip_vs_conn.c, ip_vs_ct_in_get; ip_vs_pe_sip.c, ip_vs_sip_ct_match (6.1).
func (s *Shard) Template(k *Key) *Conn {
	hash := s.hashKey(k)
	for b := s.index.bucket(hash); ; b = s.index.older(b.next) {
		for i := int(min(b.n, lineSize)) - 1; i >= 0; i-- {
			if b.hash[i] != hash {
				continue
			}
			c := s.at(b.place[i])
			if c.Family == k.Family && c.Client == k.Client && c.Virtual == k.Virtual &&
				c.VPort == k.VPort && c.CPort == k.CPort && c.Flags&Template != 0 && c.Protocol == k.Protocol &&
				s.samePE(c, k) && !s.invalidated(c, k) {
				return c
			}
		}
		if b.next == 0 {
			return nil
		}
	}
}

// invalidated reports whether lookups pass a template over. With a persistence
// engine they don't: it is found, and looked at, each time.
//
// Kernel: ip_vs_conn.c, ip_vs_ct_in_get (7.3).
func (s *Shard) invalidated(c *Conn, k *Key) bool {
	return s.table.newer && c.DPort == invalid && k.PEData == nil
}

func (s *Shard) hashKey(k *Key) uint32 {
	if k.PEData != nil {
		return hashBytes(s.table.seed, k.PEData)
	}
	return s.hashOf(&k.Client, k.Protocol, k.CPort)
}

func (s *Shard) samePE(c *Conn, k *Key) bool {
	if k.PEData == nil {
		return true
	}
	x := &s.ext[c.ext]
	return c.ext != 0 && x.PE == k.PE && bytes.Equal(x.PEData, k.PEData)
}

// Ext returns the connection's entry in the side table, nil if it has none.
func (s *Shard) Ext(c *Conn) *Ext {
	if c.ext == 0 {
		return nil
	}
	return &s.ext[c.ext]
}
