package conntrack

import (
	"slices"
	"time"

	"goipvs/packet"
)

// model is a table in its simplest form: connections in a list, the one hashed
// last first, and timers that are looked for tick by tick.
type model struct {
	clk   uint64 // next tick to run
	conns []*entry
	seq   int   // of timers put into a slot
	gone  []int // labels, in the order of their end
}

// entry is a connection in the model. Its label is the real one's mark.
type entry struct {
	New
	label    int
	hashed   bool
	state    uint8
	timeout  uint32
	armed    bool
	firing   bool
	fire     uint64 // tick at which the timer fires
	due      uint64 // tick from which it may
	level    int    // of the wheel
	seq      int
	controls int
	control  *entry
}

func (m *model) now() uint64 { return m.clk - 1 }

func (m *model) add(n New, label int) *entry {
	e := &entry{New: n, label: label, timeout: 3 * HZ}
	m.conns = slices.Insert(m.conns, 0, e)
	e.hashed = n.Flags&OnePacket == 0
	return e
}

// rehash makes an entry the one hashed last.
func (m *model) rehash(e *entry) {
	i := slices.Index(m.conns, e)
	m.conns = slices.Insert(slices.Delete(m.conns, i, i+1), 0, e)
}

// granule is how many ticks a timer that is due in delta ticks may be late: the
// first power of eight of which 63 are more than delta.
func granule(delta int64) (level int, size uint64) {
	size = 1
	for delta >= 63*int64(size) && level < 8 {
		level, size = level+1, size*8
	}
	return level, size
}

func (m *model) arm(e *entry, due uint64) {
	level, fire := 0, m.clk
	if delta := int64(due - m.clk); delta >= 0 {
		var size uint64
		level, size = granule(delta)
		fire = due - due%size + size
	}
	e.due = due
	if e.armed && !e.firing && e.fire == fire && e.level == level {
		return
	}
	m.seq++
	e.armed, e.firing, e.fire, e.level, e.seq = true, false, fire, level, m.seq
}

func (m *model) advance(tick uint64) {
	for {
		next := tick + 1
		for _, e := range m.conns {
			if e.armed {
				next = min(next, e.fire)
			}
		}
		if m.clk = next; next > tick {
			return
		}
		var due []*entry
		for _, e := range m.conns {
			if e.armed && e.fire == next {
				e.firing = true
				due = append(due, e)
			}
		}
		slices.SortFunc(due, func(a, b *entry) int {
			if a.level != b.level {
				return b.level - a.level // coarse levels first
			}
			return b.seq - a.seq // then the one put in last
		})
		m.clk++
		for _, e := range due {
			if e.firing {
				e.armed, e.firing = false, false
				m.expire(e)
			}
		}
	}
}

func (m *model) expire(e *entry) bool {
	if e.controls > 0 {
		e.timeout = 60 * HZ
		m.arm(e, m.now()+uint64(e.timeout))
		return false
	}
	e.armed, e.firing = false, false
	if ct := e.control; ct != nil {
		e.control = nil
		ct.controls--
		if e.timeout == 0 && ct.controls == 0 && (ct.Flags&Template == 0 || ct.state&Assured == 0) {
			m.delete(ct)
		}
	}
	i := slices.Index(m.conns, e)
	m.conns = slices.Delete(m.conns, i, i+1)
	m.gone = append(m.gone, e.label)
	return true
}

func (m *model) delete(e *entry) bool {
	if !e.armed {
		return false
	}
	e.armed, e.firing = false, false
	if e.control != nil {
		e.timeout = 0
	}
	return m.expire(e)
}

func (m *model) put(e *entry) {
	if e.Flags&OnePacket != 0 {
		m.expire(e)
		return
	}
	m.arm(e, m.now()+uint64(e.timeout))
}

func (m *model) in(k *Key) *entry {
	if e := m.exactly(k, k.CPort); e != nil {
		return e
	}
	return m.exactly(k, 0)
}

// plain: what a persistence engine hashed can't be found by addresses.
func (e *entry) plain() bool { return e.hashed && e.PEData == nil }

func (m *model) exactly(k *Key, cport uint16) *entry {
	for _, e := range m.conns {
		if e.plain() && e.Protocol == k.Protocol && e.Family == k.Family && e.Client == k.Client && e.CPort == cport &&
			e.Virtual == k.Virtual && e.VPort == k.VPort && (cport == 0) == (e.Flags&NoCPort != 0) {
			return e
		}
	}
	return nil
}

func (m *model) out(k *Key) *entry {
	for _, e := range m.conns {
		addr, port := e.Dest, e.DPort
		if e.Flags&FwdMask != 0 {
			addr, port = e.Virtual, e.VPort
		}
		if e.plain() && e.Protocol == k.Protocol && e.Family == k.Family && e.Client == k.Virtual && e.CPort == k.VPort &&
			addr == k.Client && port == k.CPort {
			return e
		}
	}
	return nil
}

func (m *model) template(k *Key) *entry {
	for _, e := range m.conns {
		if e.hashed && e.Flags&Template != 0 && e.Protocol == k.Protocol && e.Family == k.Family &&
			e.Client == k.Client && e.CPort == k.CPort && e.Virtual == k.Virtual && e.VPort == k.VPort &&
			e.PE == k.PE && string(e.PEData) == string(k.PEData) {
			return e
		}
	}
	return nil
}

// recorder is an Owner that notes which connections went, by their mark.
type recorder struct{ gone []int }

func (r *recorder) Unbind(_ *Shard, c *Conn, _ End) { r.gone = append(r.gone, int(c.DestID)) }

func (*recorder) PutOff(*Shard, *Conn) {}

func newTestTable(shards int) (*Table, *recorder) {
	r := new(recorder)
	return NewTable(Config{Shards: shards, Seed: 42, Owner: r}), r
}

func ticks(n uint64) time.Duration { return time.Duration(n) * Tick }

var (
	addrs4 = [...]packet.Addr{packet.Addr4(0xc6336401), packet.Addr4(0xc6336402), packet.Addr4(0xcb00710a)}
	addrs6 = [...]packet.Addr{{0: 0x20, 15: 1}, {0: 0x20, 15: 2}, {0: 0x20, 15: 10}}
)
