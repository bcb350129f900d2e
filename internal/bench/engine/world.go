package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"

	"goipvs/hooks"
	"goipvs/internal/live/yield"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// stack is a machine with a route to everywhere, which forgets what it sends.
type stack struct{ routes [2]*packet.Route }

func newStack() *stack {
	s := new(stack)
	for i, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		s.routes[i] = &packet.Route{Family: f, OutIf: 2, MTU: 1500, Src: addr(f, 1)}
	}
	return s
}

func (s *stack) RouteOutput(f packet.Family, _ packet.Addr, _ xmit.RouteFlags) *packet.Route {
	return s.routes[f/packet.IPv6]
}
func (s *stack) RouteGen() uint32 { return 0 }
func (s *stack) RouteReply(p *packet.Packet, _, _ packet.Addr, _ uint8) *packet.Route {
	return s.routes[p.Family/packet.IPv6]
}
func (s *stack) AddrType(packet.Family, packet.Addr) xmit.AddrType              { return xmit.AddrUnicast }
func (s *stack) LocalOut(*packet.Packet)                                        {}
func (s *stack) Reroute(*packet.Packet) bool                                    { return true }
func (s *stack) Defrag(*packet.Packet, xmit.DefragUser) bool                    { return false }
func (s *stack) UpdatePMTU(packet.Family, packet.Addr, packet.Addr, uint8, int) {}
func (s *stack) RandomID() uint16                                               { return 7 }

// addr returns an address of this host's side: 10.0.0.n or fd00::n.
func addr(f packet.Family, n byte) packet.Addr {
	if f == packet.IPv6 {
		return packet.Addr{0: 0xfd, 15: n}
	}
	return packet.Addr{10, 0, 0, n}
}

// A method is a way to a server; the service's port says which it has.
type method struct {
	name string
	dest sched.DestConfig
}

var methods = []method{
	{"NAT", sched.DestConfig{Forward: sched.Masq}},
	{"DR", sched.DestConfig{Forward: sched.DRoute}},
	{"IPIP", sched.DestConfig{Forward: sched.Tunnel}},
	{"GUE", sched.DestConfig{Forward: sched.Tunnel, TunType: sched.TunGUE, TunPort: 6080}},
	{"GRE", sched.DestConfig{Forward: sched.Tunnel, TunType: sched.TunGRE}},
}

const (
	firstPort  = 80   // of the methods' services
	serverPort = 8080 // of NAT's server
	server     = 10   // addr of the server,
	vip        = 100  // and of the services
)

// world is a director with a service for each method, and a client that makes
// packets.
type world struct {
	*hooks.Director
	family packet.Family
	buf    []byte
	p      packet.Packet
	in     *packet.Route
	on     *packet.Route // of what is forwarded
	bare   bool          // packets go through no hook
}

func newWorld(f packet.Family, shards int) (*world, error) {
	c := hooks.Config{Stack: newStack(), Shards: shards, Seed: rand.Uint64(), Random: rand.Uint32}
	// Older engines don't have it.
	if y := reflect.ValueOf(&c).Elem().FieldByName("Yield"); y.IsValid() {
		y.Set(reflect.ValueOf(yield.Processor))
	}
	w := &world{
		Director: hooks.New(c),
		family:   f,
		in:       &packet.Route{Family: f, Local: true, Input: true, MTU: 1500},
		on:       &packet.Route{Family: f, Input: true, MTU: 1500},
	}
	for i := range methods {
		k := sched.ServiceKey{Family: f, Protocol: packet.ProtoTCP, Addr: addr(f, vip), Port: firstPort + uint16(i)}
		c := sched.ServiceConfig{ServiceKey: k, Scheduler: "rr", Netmask: 0xffffffff}
		if f == packet.IPv6 {
			c.Netmask = 128
		}
		if err := w.AddService(c); err != nil {
			return nil, fmt.Errorf("service: %w", err)
		}
		d := methods[i].dest
		d.Family, d.Addr, d.Port, d.Weight = f, addr(f, server), k.Port, 1
		if d.Forward == sched.Masq {
			d.Port = serverPort
		}
		if err := w.AddDest(k, d); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
	}
	w.buf = make([]byte, packet.Headroom, packet.Headroom+packet.SizeIPv6+packet.SizeTCP)
	return w, nil
}

// TCP flags.
const (
	syn = 0x02
	ack = 0x10
)

// template returns a segment of a client's, 0 octets of data.
func (w *world) template(port uint16, flags byte) []byte {
	n := packet.SizeIPv4
	if w.family == packet.IPv6 {
		n = packet.SizeIPv6
	}
	b := make([]byte, n+packet.SizeTCP)
	dst := addr(w.family, vip)
	if w.family == packet.IPv6 {
		b[0], b[6], b[7] = 0x60, packet.ProtoTCP, 64
		binary.BigEndian.PutUint16(b[4:], packet.SizeTCP)
		b[8] = 0x20
		copy(b[24:], dst[:])
	} else {
		b[0], b[8], b[9] = 0x45, 64, packet.ProtoTCP
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		copy(b[16:], dst[:4])
	}
	t := b[n:]
	binary.BigEndian.PutUint16(t[2:], port)
	t[12], t[13] = packet.SizeTCP/4<<4, flags
	setClient(b, 0)
	return b
}

// setClient makes a template one of the i-th client's, in no order that a cache
// could follow. Ports are those that clients choose.
func setClient(b []byte, i int) {
	x := uint32(i) * 2654435761
	if b[0]>>4 == 6 {
		binary.BigEndian.PutUint32(b[20:], x>>8)
		binary.BigEndian.PutUint16(b[40:], 0x8000|uint16(x&0xff))
		return
	}
	binary.BigEndian.PutUint32(b[12:], 0x0b000000|x>>8)
	binary.BigEndian.PutUint16(b[20:], 0x8000|uint16(x&0xff))
}

// reply returns a segment of NAT's server to a client.
func (w *world) reply() []byte {
	b := w.template(serverPort, ack)
	from := addr(w.family, server)
	if w.family == packet.IPv6 {
		copy(b[24:], b[8:24])
		copy(b[8:], from[:])
		copy(b[packet.SizeIPv6:], []byte{serverPort >> 8, serverPort & 0xff, 0x80, 0})
	} else {
		copy(b[16:], b[12:16])
		copy(b[12:], from[:4])
		copy(b[packet.SizeIPv4:], []byte{serverPort >> 8, serverPort & 0xff, 0x80, 0})
	}
	return b
}

// setReply makes a reply one to the i-th client.
func setReply(b []byte, i int) {
	x := uint32(i) * 2654435761
	if b[0]>>4 == 6 {
		binary.BigEndian.PutUint32(b[36:], x>>8)
		binary.BigEndian.PutUint16(b[42:], 0x8000|uint16(x&0xff))
		return
	}
	binary.BigEndian.PutUint32(b[16:], 0x0b000000|x>>8)
	binary.BigEndian.PutUint16(b[22:], 0x8000|uint16(x&0xff))
}

// send puts a copy of a template through a hook point.
func (w *world) send(pt hooks.Point, tmpl []byte) xmit.Verdict {
	w.buf = append(w.buf[:packet.Headroom], tmpl...)
	w.p.Set(w.family, w.buf, packet.Headroom)
	w.p.InIf, w.p.Route = 1, w.in
	if pt == hooks.Forward {
		w.p.Route = w.on
	}
	if w.bare {
		return xmit.Stolen
	}
	return w.Hook(pt, &w.p)
}
