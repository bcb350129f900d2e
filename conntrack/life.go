package conntrack

// New makes a connection and, unless it is for one packet, hashes it. Its timer
// is not running until Put. nil when the shard is full, or there are as many as
// there may be.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_new (6.1).
func (s *Shard) New(n *New) *Conn {
	if s.table.newer && s.table.count.Load() >= s.table.sizing.most.Load() {
		return nil
	}
	c, i := s.slab.get()
	if c == nil {
		return nil
	}
	c.Client, c.Virtual, c.Dest = n.Client, n.Virtual, n.Dest
	c.CPort, c.VPort, c.DPort = n.CPort, n.VPort, n.DPort
	c.Family, c.DestFamily, c.Protocol = n.Family, n.DestFamily, n.Protocol
	c.Flags, c.DestID, c.born = n.Flags&^hashed, n.DestID, uint32(s.now()/uint64(HZ))
	c.Timeout = 3 * HZ
	c.self = Ref(s.no<<refBits | i)
	if n.PEData != nil && n.Flags&Template != 0 {
		s.setExt(c, Ext{PE: n.PE, PEData: append([]byte(nil), n.PEData...)})
	}
	if n.FTP {
		s.setExt(c, Ext{FTP: new(FTP)})
	}
	s.table.count.Add(1)
	if c.Flags&NoCPort != 0 {
		s.table.noCPort.Add(1)
	}
	s.link(c)
	return c
}

func (s *Shard) setExt(c *Conn, x Ext) {
	i := s.free
	if i == 0 {
		i = uint32(len(s.ext))
		s.ext = append(s.ext, Ext{})
	} else {
		s.free = s.ext[i].next
	}
	s.ext[i] = x
	c.ext = i
}

// link hashes a connection.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_hash (6.1).
func (s *Shard) link(c *Conn) {
	if c.Flags&OnePacket != 0 || c.Flags&hashed != 0 {
		return
	}
	c.Flags |= hashed
	s.table.ports[c.CPort].Add(1)
	s.index.insert(s.hashConn(c), uint32(c.self&maxConns))
	if t := s.table; t.newer && t.count.Load() > t.sizing.grow.Load() {
		t.sizing.due.Store(true)
	}
}

// hashConn returns the hash that a connection is found by.
func (s *Shard) hashConn(c *Conn) uint32 {
	if x := s.Ext(c); x != nil && x.PEData != nil {
		return hashBytes(s.table.seed, x.PEData)
	}
	return s.hashOf(&c.Client, c.Protocol, c.CPort)
}

func (s *Shard) unlink(c *Conn) bool {
	if c.Flags&hashed == 0 {
		return false
	}
	s.index.remove(s.hashConn(c), uint32(c.self&maxConns))
	s.table.ports[c.CPort].Add(-1)
	c.Flags &^= hashed
	return true
}

// Put ends a packet's use of a connection: its timer starts anew with its
// timeout. A connection for one packet ends with it, and c is then invalid.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_put (6.1).
func (s *Shard) Put(c *Conn) {
	if c.Flags&OnePacket != 0 {
		s.expire(c, PacketOut)
		return
	}
	s.arm(c, s.now()+uint64(c.Timeout))
}

// ExpireNow lets a connection's timer be due at once: it fires with the next
// tick, not before.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_expire_now (6.1).
func (s *Shard) ExpireNow(c *Conn) {
	if c.slot != 0 && s.due(c) > s.now() {
		s.arm(c, s.now())
	}
}

// Delete ends a connection now, if its timer is running, with what controls it.
// It reports whether c is gone.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_del (6.1).
func (s *Shard) Delete(c *Conn) bool {
	if !s.disarm(c) {
		return false
	}
	if c.Control != 0 {
		c.Timeout = 0
	}
	return s.expire(c, Deleted)
}

// DeleteChain ends a connection now, and what controls it if it controls nothing
// else, even an assured template.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_flush, ip_vs_expire_nodest_conn_flush (6.1).
func (s *Shard) DeleteChain(c *Conn) {
	r := c.Control
	if !s.Delete(c) || r == 0 {
		return
	}
	n := LockNested(s, s.table.shard(r))
	if ct := n.Get(r); ct.self == r && ct.NControl == 0 {
		n.Delete(ct)
	}
	n.Unlock()
}

// FillCPort sets the client's port of a connection that was made without.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_fill_cport (6.1).
func (s *Shard) FillCPort(c *Conn, port uint16) {
	if s.unlink(c) {
		if c.Flags&NoCPort != 0 {
			s.table.noCPort.Add(-1)
			c.Flags &^= NoCPort
			c.CPort = port
		}
		s.link(c)
	}
}

// invalid is the port of a template that can't be used.
const invalid = 0xffff

// Invalidate makes a template whose server can't be used unfindable; it stays
// until its time is over. In 6.1 it is hashed anew, under ports that nothing
// has; in 7.3 it stays where it is, and lookups pass it over.
//
// Kernel: ip_vs_conn.c, ip_vs_check_template (6.1, 7.3).
func (s *Shard) Invalidate(c *Conn) {
	if s.table.newer {
		c.DPort = invalid
		return
	}
	if c.VPort != invalid && s.unlink(c) {
		c.DPort, c.VPort, c.CPort = invalid, invalid, 0
		s.link(c)
	}
}

// AddControl makes ct, of any locked shard, control c.
//
// Kernel: include/net/ip_vs.h, ip_vs_control_add (6.1).
func (s *Shard) AddControl(c, ct *Conn) {
	if c.Control != 0 {
		s.delControl(c, s.Get)
	}
	c.Control = ct.self
	ct.NControl++
}

func (s *Shard) delControl(c *Conn, get func(Ref) *Conn) {
	if ct := get(c.Control); ct.NControl > 0 {
		ct.NControl--
	}
	c.Control = 0
}

// Assure marks the template that controls c, if one does, as having had an
// established connection.
//
// Kernel: include/net/ip_vs.h, ip_vs_control_assure_ct (6.1).
func (s *Shard) Assure(c *Conn) {
	if c.Control == 0 {
		return
	}
	n := LockNested(s, s.table.shard(c.Control))
	ct := n.Get(c.Control)
	if ct.Flags&Template != 0 && ct.State&Assured == 0 {
		ct.State |= Assured
	}
	n.Unlock()
}

// Controller calls f with what controls c, its shard locked; not if nothing
// does.
func (s *Shard) Controller(c *Conn, f func(ct *Conn)) {
	if c.Control == 0 {
		return
	}
	n := LockNested(s, s.table.shard(c.Control))
	f(n.Get(c.Control))
	n.Unlock()
}

// expire ends a connection, or puts it off for a minute while it controls
// others. It reports whether the connection is gone.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_expire (6.1).
func (s *Shard) expire(c *Conn, why End) bool {
	if c.NControl != 0 {
		c.Timeout = 60 * HZ
		s.arm(c, s.now()+uint64(c.Timeout))
		s.table.owner.PutOff(s, c)
		return false
	}
	s.unlink(c)
	s.disarm(c)
	if c.Control != 0 {
		s.release(c)
	}
	s.table.owner.Unbind(s, c, why)
	if c.Flags&NoCPort != 0 {
		s.table.noCPort.Add(-1)
	}
	s.table.count.Add(-1)
	if c.ext != 0 {
		s.ext[c.ext] = Ext{next: s.free}
		s.free = c.ext
	}
	s.slab.put(c, uint32(c.self&maxConns))
	return true
}

// release takes c from what controls it. If c was dropped before its time
// (Timeout 0) a controller that controls nothing else goes with it, but for
// templates that were assured.
func (s *Shard) release(c *Conn) {
	r, dropped := c.Control, c.Timeout == 0
	n := LockNested(s, s.table.shard(r))
	defer n.Unlock()
	ct := n.Get(r)
	s.delControl(c, n.Get)
	if dropped && ct.NControl == 0 && (ct.Flags&Template == 0 || ct.State&Assured == 0) {
		n.Delete(ct)
	}
}
