package conntrack

import (
	"testing"

	"goipvs/packet"
)

// numbered is the i-th of many keys.
func numbered(i int) Key {
	return Key{
		Family: packet.IPv4, Protocol: packet.ProtoTCP,
		Client: packet.Addr4(0x0a000000 + uint32(i)/50000), CPort: uint16(1024 + i%50000),
		Virtual: addrs4[2], VPort: 80,
	}
}

// The index grows by a bucket at a time, over two doublings here; whatever its
// size, everything is found.
//
// Features: C1.
func TestIndexGrows(t *testing.T) {
	const n = 3 * lineBlock * meanLoad
	table, _ := newTestTable(1)
	s := &table.shards[0]
	for i := range n {
		s.New(&New{Key: numbered(i), DestID: uint32(i)})
		if i%997 != 0 && i != n-1 {
			continue
		}
		for j := range i + 1 {
			k := numbered(j)
			if c := s.In(&k); c == nil || c.DestID != uint32(j) {
				t.Fatalf("of %d connections, number %d is %v", i+1, j, c)
			}
		}
	}
	if s.index.mask == lineBlock-1 {
		t.Error("the index didn't grow")
	}
	// Each chain holds what belongs there, all in all everything once.
	seen := 0
	for b := range s.index.size() {
		s.index.each(s.index.line(b), func(i uint32) bool {
			if s.index.bucket(s.hashConn(s.at(i))) != s.index.line(b) {
				t.Fatalf("connection %d is in bucket %d", i, b)
			}
			seen++
			return true
		})
	}
	if seen != n {
		t.Errorf("%d of %d are in chains", seen, n)
	}
}

// Of equals the newest is found, also after the bucket they share was split.
func TestIndexKeepsOrder(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	const same, n = 50, 2 * lineBlock * meanLoad
	var k Key
	for i := range same {
		// Replies can't tell them apart: all differ in the virtual side only.
		k = numbered(0)
		k.VPort = uint16(i)
		s.New(&New{Key: k, Dest: addrs4[0], DPort: 80, DestID: uint32(i)})
	}
	reply := Key{Family: packet.IPv4, Protocol: packet.ProtoTCP, Client: addrs4[0], CPort: 80, Virtual: k.Client, VPort: k.CPort}
	for i := 1; i < n; i++ {
		s.New(&New{Key: numbered(i), DestID: 999})
		if c := s.Out(&reply); c == nil || c.DestID != same-1 {
			t.Fatalf("with %d others: found %v", i, c)
		}
	}
	for left := same - 1; left > 0; left-- {
		c := s.Out(&reply)
		s.Put(c)
		s.Delete(c)
		if c := s.Out(&reply); c == nil || c.DestID != uint32(left-1) {
			t.Fatalf("then: found %v, want %d", c, left-1)
		}
	}
}

func TestSlabReuse(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	add := func(i int) *Conn {
		c := s.New(&New{Key: numbered(i), Flags: Template, DestID: 7})
		c.State, c.InPkts = 9, 9
		s.Put(c)
		return c
	}
	for i := range 2000 {
		add(i)
	}
	blocks := len(s.slab.blocks)
	for round := range 10 {
		var gone []*Conn
		table.Each(func(_ *Shard, c *Conn) bool {
			gone = append(gone, c)
			return true
		})
		for _, c := range gone {
			s.Delete(c)
		}
		if table.Len() != 0 || s.index.n != 0 {
			t.Fatalf("round %d: %d left, %d hashed", round, table.Len(), s.index.n)
		}
		for i := range 2000 {
			c := s.New(&New{Key: numbered(i)})
			if c.State != 0 || c.InPkts != 0 || c.slot != 0 || c.Control != 0 || c.DestID != 0 || c.Timeout != 3*HZ {
				t.Fatalf("round %d: not as new: %+v", round, c)
			}
			s.Put(c)
		}
	}
	if len(s.slab.blocks) != blocks {
		t.Errorf("%d blocks, then %d", blocks, len(s.slab.blocks))
	}
}

// A Ref stays good while the table grows.
func TestRefs(t *testing.T) {
	table, _ := newTestTable(4)
	refs := map[Ref]*Conn{}
	for i := range 5000 {
		k := numbered(i * 10007)
		s := table.Shard(&k.Client)
		s.Lock()
		c := s.New(&New{Key: k, DestID: uint32(i)})
		s.Unlock()
		if refs[c.Ref()] != nil {
			t.Fatalf("two have %#x", c.Ref())
		}
		refs[c.Ref()] = c
	}
	for r, c := range refs {
		if got := table.shard(r).Get(r); got != c || r == 0 {
			t.Fatalf("%#x is %p, want %p", r, got, c)
		}
	}
}

func TestFullShard(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	c := s.New(&New{Key: numbered(1)})
	s.Put(c)
	s.slab.used = maxConns + 1 // as if there were so many
	if s.New(&New{Key: numbered(2)}) != nil {
		t.Error("there was room")
	}
	if table.Len() != 1 {
		t.Errorf("Len = %d", table.Len())
	}
	s.Delete(c)
	if s.New(&New{Key: numbered(2)}) == nil {
		t.Error("no room after one went")
	}
}

// A connection for one packet is in no one's way and ends with it.
//
// Features: C10.
func TestOnePacket(t *testing.T) {
	table, rec := newTestTable(1)
	s := &table.shards[0]
	k := numbered(1)
	c := s.New(&New{Key: k, Flags: OnePacket, DestID: 5})
	ct := s.New(&New{Flags: Template})
	s.AddControl(c, ct)
	if s.In(&k) != nil || table.Len() != 2 {
		t.Errorf("it can be found; Len = %d", table.Len())
	}
	s.Put(c)
	if table.Len() != 1 || len(rec.gone) != 1 || rec.gone[0] != 5 || ct.NControl != 0 {
		t.Errorf("after Put: Len = %d, gone %v, template controls %d", table.Len(), rec.gone, ct.NControl)
	}
}

func TestExt(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	data := []byte("call@host")
	k := Key{Client: addrs4[0], PE: "sip", PEData: data}
	ct := s.New(&New{Key: k, Flags: Template})
	s.Put(ct)
	data[0] = 'X' // the table has its own
	if x := s.Ext(ct); x == nil || x.PE != "sip" || string(x.PEData) != "call@host" {
		t.Fatalf("Ext = %+v", x)
	}
	k.PEData = []byte("call@host")
	if s.Template(&k) != ct {
		t.Error("not found by its data")
	}
	// The engine's data are the template's alone.
	if c := s.New(&New{Key: k}); s.Ext(c) != nil {
		t.Error("a connection has them, too")
	}
	before := len(s.ext)
	for range 100 {
		s.Delete(ct)
		ct = s.New(&New{Key: k, Flags: Template})
		s.Put(ct)
	}
	if len(s.ext) != before {
		t.Errorf("the side table grew from %d to %d", before, len(s.ext))
	}
}
