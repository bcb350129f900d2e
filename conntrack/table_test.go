package conntrack

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goipvs/packet"
)

// machine drives a table and its model through the same steps.
type machine struct {
	table *Table
	shard *Shard
	rec   *recorder
	model model
	refs  map[int]Ref // by label
	label int
}

func newMachine() *machine {
	table, rec := newTestTable(1)
	return &machine{table: table, shard: &table.shards[0], rec: rec, model: model{clk: 1}, refs: map[int]Ref{}}
}

func (m *machine) conn(e *entry) *Conn { return m.shard.Get(m.refs[e.label]) }

// draw chooses an entry that fits, and skips the step if there is none.
func (m *machine) draw(t *rapid.T, fits func(*entry) bool) *entry {
	var some []*entry
	for _, e := range m.model.conns {
		if fits(e) {
			some = append(some, e)
		}
	}
	if len(some) == 0 {
		t.Skip("none")
	}
	return rapid.SampledFrom(some).Draw(t, "entry")
}

func whichever(*entry) bool { return true }

func drawAddr(t *rapid.T, f packet.Family, name string) packet.Addr {
	if f == packet.IPv6 {
		return rapid.SampledFrom(addrs6[:]).Draw(t, name)
	}
	return rapid.SampledFrom(addrs4[:]).Draw(t, name)
}

func drawKey(t *rapid.T) Key {
	k := Key{
		Family:   rapid.SampledFrom([]packet.Family{packet.IPv4, packet.IPv6}).Draw(t, "family"),
		Protocol: rapid.SampledFrom([]uint8{packet.ProtoTCP, packet.ProtoUDP}).Draw(t, "protocol"),
		CPort:    rapid.Uint16Range(1, 3).Draw(t, "cport"),
		VPort:    rapid.Uint16Range(1, 2).Draw(t, "vport"),
	}
	k.Client, k.Virtual = drawAddr(t, k.Family, "client"), drawAddr(t, k.Family, "virtual")
	return k
}

func (m *machine) add(n New) {
	m.label++
	n.DestID = uint32(m.label)
	c := m.shard.New(&n)
	e := m.model.add(n, m.label)
	m.refs[m.label] = c.Ref()
	c.Timeout = e.timeout
}

func (m *machine) newConn(t *rapid.T) {
	n := New{Key: drawKey(t), DPort: rapid.Uint16Range(1, 2).Draw(t, "dport")}
	n.DestFamily, n.Dest = n.Family, drawAddr(t, n.Family, "dest")
	n.Flags = rapid.SampledFrom([]Flags{0, 2 | NoOutput, 3 | NoOutput, NoCPort, OnePacket}).Draw(t, "flags")
	if n.Flags&NoCPort != 0 {
		n.CPort = 0
	}
	m.add(n)
}

func (m *machine) newTemplate(t *rapid.T) {
	n := New{Key: drawKey(t), Flags: Template}
	n.CPort = 0
	if rapid.Bool().Draw(t, "engine") {
		n.PE, n.PEData = "sip", []byte(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "data"))
	}
	m.add(n)
}

func (m *machine) put(t *rapid.T) {
	e := m.draw(t, whichever)
	seconds := rapid.SampledFrom([]uint32{0, 1, 2, 3, 10, 60, 120, 900, 1 << 16}).Draw(t, "seconds")
	if seconds > 0 {
		e.timeout = seconds * HZ
		m.conn(e).Timeout = e.timeout
	}
	m.shard.Put(m.conn(e))
	m.model.put(e)
}

func (m *machine) expireNow(t *rapid.T) {
	e := m.draw(t, whichever)
	m.shard.ExpireNow(m.conn(e))
	if e.armed && e.due > m.model.now() {
		m.model.arm(e, m.model.now())
	}
}

func (m *machine) delete(t *rapid.T) {
	e := m.draw(t, whichever)
	if got, want := m.shard.Delete(m.conn(e)), m.model.delete(e); got != want {
		t.Fatalf("Delete = %v, want %v", got, want)
	}
}

func (m *machine) fillCPort(t *rapid.T) {
	e := m.draw(t, func(e *entry) bool { return e.hashed })
	port := rapid.Uint16Range(1, 3).Draw(t, "port")
	m.shard.FillCPort(m.conn(e), port)
	if e.Flags&NoCPort != 0 {
		e.Flags &^= NoCPort
		e.CPort = port
	}
	m.model.rehash(e)
}

func (m *machine) invalidate(t *rapid.T) {
	e := m.draw(t, func(e *entry) bool { return e.Flags&Template != 0 })
	m.shard.Invalidate(m.conn(e))
	if e.VPort != 0xffff {
		e.DPort, e.VPort, e.CPort = 0xffff, 0xffff, 0
		m.model.rehash(e)
	}
}

// control: what is controlled neither controls nor is a template, except that a
// connection between the two may be both, as FTP's.
func (m *machine) control(t *rapid.T) {
	e := m.draw(t, func(e *entry) bool { return e.Flags&Template == 0 })
	ct := m.draw(t, func(x *entry) bool { return x != e && x.Flags&OnePacket == 0 && x.control == nil })
	if ct.Flags&Template == 0 && e.controls > 0 {
		t.Skip("would be a circle")
	}
	m.shard.AddControl(m.conn(e), m.conn(ct))
	if e.control != nil {
		e.control.controls--
	}
	e.control = ct
	ct.controls++
}

func (m *machine) assure(t *rapid.T) {
	e := m.draw(t, func(e *entry) bool { return e.control != nil })
	m.shard.Assure(m.conn(e))
	if e.control.Flags&Template != 0 {
		e.control.state |= Assured
	}
}

func (m *machine) advance(t *rapid.T) {
	by := rapid.SampledFrom([]uint64{1, 2, 60, 64, 250, 500, 750, 1000, 5000, 15000, 60000, 300000, 1 << 24}).Draw(t, "ticks")
	by += rapid.Uint64Range(0, 20).Draw(t, "more")
	m.table.Advance(ticks(m.model.now()+by) + Tick/2)
	m.model.advance(m.model.now() + by)
}

func (m *machine) same(t *rapid.T, what string, k *Key, got *Conn, want *entry) {
	switch {
	case got == nil && want == nil:
	case want == nil:
		t.Fatalf("%s %+v: found %d, want none", what, k, got.DestID)
	case got == nil:
		t.Fatalf("%s %+v: found none, want %d", what, k, want.label)
	case int(got.DestID) != want.label:
		t.Fatalf("%s %+v: found %d, want %d", what, k, got.DestID, want.label)
	}
}

func (m *machine) look(t *rapid.T) {
	k := drawKey(t)
	m.same(t, "In", &k, m.shard.In(&k), m.model.in(&k))
	m.same(t, "Out", &k, m.shard.Out(&k), m.model.out(&k))
	k.CPort = 0
	k.VPort = rapid.SampledFrom([]uint16{1, 2, 0xffff}).Draw(t, "template's port")
	m.same(t, "In without port", &k, m.shard.In(&k), m.model.in(&k))
	if rapid.Bool().Draw(t, "engine") {
		k.PE, k.PEData = "sip", []byte(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "data"))
	}
	m.same(t, "Template", &k, m.shard.Template(&k), m.model.template(&k))
}

// lookFor asks for what is there.
func (m *machine) lookFor(t *rapid.T) {
	e := m.draw(t, whichever)
	k := e.Key
	m.same(t, "In", &k, m.shard.In(&k), m.model.in(&k))
	m.same(t, "Template", &k, m.shard.Template(&k), m.model.template(&k))
	k = Key{Family: e.Family, Protocol: e.Protocol, Client: e.Dest, CPort: e.DPort, Virtual: e.Client, VPort: e.CPort}
	m.same(t, "Out", &k, m.shard.Out(&k), m.model.out(&k))
	k.Client, k.CPort = e.Virtual, e.VPort
	m.same(t, "Out", &k, m.shard.Out(&k), m.model.out(&k))
}

// check compares all that can be seen.
func (m *machine) check(t *rapid.T) {
	if !slices.Equal(m.rec.gone, m.model.gone) {
		t.Fatalf("gone, in order: %v, want %v", m.rec.gone, m.model.gone)
	}
	if got, want := m.table.Len(), len(m.model.conns); got != want {
		t.Fatalf("Len = %d, want %d", got, want)
	}
	seen := map[int]bool{}
	m.table.Each(func(_ *Shard, c *Conn) bool {
		seen[int(c.DestID)] = true
		return true
	})
	noCPort := int32(0)
	for _, e := range m.model.conns {
		c := m.conn(e)
		if !seen[e.label] || int(c.DestID) != e.label {
			t.Fatalf("connection %d can't be seen", e.label)
		}
		if e.Flags&NoCPort != 0 {
			noCPort++
		}
		if c.CPort != e.CPort || c.VPort != e.VPort || c.DPort != e.DPort {
			t.Fatalf("connection %d has ports %d, %d, %d; want %d, %d, %d", e.label, c.CPort, c.VPort, c.DPort, e.CPort, e.VPort, e.DPort)
		}
		if int(c.NControl) != e.controls || (c.Control != 0) != (e.control != nil) {
			t.Fatalf("connection %d controls %d and is controlled by %d; want %d, %v", e.label, c.NControl, c.Control, e.controls, e.control)
		}
		if e.armed {
			want := max(0, time.Duration(int64(e.due-m.model.now()))*Tick)
			if got := m.shard.Expires(c); got != want {
				t.Fatalf("connection %d expires in %v, want %v", e.label, got, want)
			}
		}
	}
	if len(seen) != len(m.model.conns) {
		t.Fatalf("%d connections are seen, want %d", len(seen), len(m.model.conns))
	}
	if got := m.table.noCPort.Load(); got != noCPort {
		t.Fatalf("%d connections without a client's port, want %d", got, noCPort)
	}
}

// TestTable: whatever is done, the table answers as the model does, and
// connections end in the model's order.
//
// Features: C2, C3, C4.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"new":        m.newConn,
			"template":   m.newTemplate,
			"put":        m.put,
			"expireNow":  m.expireNow,
			"delete":     m.delete,
			"fillCPort":  m.fillCPort,
			"invalidate": m.invalidate,
			"control":    m.control,
			"assure":     m.assure,
			"advance":    m.advance,
			"look":       m.look,
			"lookFor":    m.lookFor,
			"":           m.check,
		})
	})
}
