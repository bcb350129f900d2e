package conntrack

import "goipvs/packet"

// RandomDrop looks at one in 32 buckets of the table, chosen by random, and ends
// what it finds there that is half-open, or little used for a minute. onePacket
// says whether a template's service makes connections for one packet.
//
// Kernel: ip_vs_conn.c, ip_vs_random_dropentry (6.1).
func (t *Table) RandomDrop(random func() uint32, onePacket func(*Conn) bool) {
	const share, atOnce = 32, 16
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		buckets := s.index.size() / share
		s.Unlock()
		for n := range buckets {
			if n%atOnce == 0 {
				s.Lock()
			}
			s.dropBucket(random(), onePacket)
			if n%atOnce == atOnce-1 || n == buckets-1 {
				s.Unlock()
				t.yield()
			}
		}
	}
}

func (s *Shard) dropBucket(hash uint32, onePacket func(*Conn) bool) {
	s.places = s.places[:0]
	s.index.each(s.index.bucket(hash), func(i uint32) bool {
		s.places = append(s.places, i)
		return true
	})
	for _, i := range s.places {
		// One may be gone already, with another that it controlled.
		if c := s.at(i); c.self != 0 && c.NControl == 0 && s.droppable(c, onePacket) {
			s.Delete(c)
		}
	}
}

func (s *Shard) droppable(c *Conn, onePacket func(*Conn) bool) bool {
	if c.Flags&Template != 0 {
		if onePacket(c) {
			return s.littleUsed(c)
		}
		return c.State&Assured == 0
	}
	switch c.Protocol {
	case packet.ProtoTCP:
		return c.State == tcpSynRecv || c.State == tcpSynAck || c.State == tcpEstablished && s.littleUsed(c)
	case packet.ProtoSCTP:
		return c.State == sctpInit1 || c.State == sctpInit || c.State == sctpEstablished && s.littleUsed(c)
	}
	return s.littleUsed(c)
}

// littleUsed reports whether a connection that has been idle for a minute is to
// go: of those with n requests, 1 to 8, each n-th.
//
// Kernel: ip_vs_conn.c, todrop_entry (6.1).
func (s *Shard) littleUsed(c *Conn) bool {
	idle := int64(c.Timeout) - (int64(s.due(c)) - int64(s.now()))
	n := c.InPkts
	if idle < int64(60*HZ) || n < 1 || n > 8 {
		return false
	}
	if s.spared[n]++; s.spared[n] < n {
		return false
	}
	s.spared[n] = 0
	return true
}
