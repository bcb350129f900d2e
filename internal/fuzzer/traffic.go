package fuzzer

import (
	"net/netip"

	"goipvs/packet"
)

// frame is a frame, or a datagram of a local process, that the director gets.
type frame struct {
	iface string
	data  []byte
}

// traffic is everybody around the director. It makes one frame after the other
// and reacts to what comes out of them.
type traffic struct {
	*director
	ids     uint16
	queue   []frame // to be sent before anything else is thought of
	flows   []flow
	owed    []*sighting // what servers haven't answered yet
	servers []*sighting // what reached servers
	clients []*sighting // what reached clients
	locals  []*sighting // what reached the director's own processes
}

// flow is one client's exchange with a service.
type flow interface {
	// step sends the client's next packet.
	step(*traffic)
	// saw is told of a datagram that came to a client or its own host.
	saw(*sighting)
	// ends returns who talks to whom.
	ends() ends
}

// ends are a client and a service as a client knows it.
type ends struct {
	client, virtual netip.Addr
	cport, vport    uint16
	proto           uint8
	iface           string
}

// remembered is how many sightings of a kind are kept.
const remembered = 24

// actor is somebody around the director. It sends something, or doesn't.
type actor = func(*traffic)

var actors = []choice[actor]{
	{34, (*traffic).continueFlow, 0},
	{30, (*traffic).answer, 0},
	{18, (*traffic).newFlow, 0},
	{5, (*traffic).serverError, ICMPErrors},
	{4, (*traffic).clientError, ICMPErrors},
	{1, (*traffic).madeUpError, ICMPErrors},
	{2, (*traffic).query, ICMPOther},
	{3, (*traffic).tunnelError, ICMPErrors | Tunneled},
	{4, (*traffic).stray, Strays},
	{2, (*traffic).unasked, Strays},
	{4, (*traffic).ftpData, FTP},
}

func newTraffic(d *director) *traffic { return &traffic{director: d} }

// next returns the next frame.
func (t *traffic) next() frame {
	for len(t.queue) == 0 {
		choose(t.dice, t.feat, actors)(t)
	}
	f := t.queue[0]
	t.queue = t.queue[1:]
	return f
}

// saw takes note of a frame that the director put out.
func (t *traffic) saw(iface string, data []byte) {
	s := see(iface, data)
	switch {
	case iface == local:
		t.locals = remember(t.locals, s)
	case s.to == gatewayMAC || s.to == onlineMAC:
		t.clients = remember(t.clients, s)
	default:
		t.servers = remember(t.servers, s)
	}
	if !s.ok {
		return
	}
	for _, f := range t.flows {
		f.saw(s)
	}
	if iface == local || s.to != gatewayMAC && s.to != onlineMAC {
		t.owed = append(t.owed, s)
	}
}

func remember(all []*sighting, s *sighting) []*sighting {
	if len(all) == remembered {
		all = all[1:]
	}
	return append(all, s)
}

// The most flows that are kept alive at once.
const maxFlows = 14

func (t *traffic) continueFlow() {
	if len(t.flows) == 0 {
		t.newFlow()
		return
	}
	pick(t.dice, t.flows).step(t)
}

// newFlow lets a client turn to a service.
func (t *traffic) newFlow() {
	s := pick(t.dice, t.services)
	e := ends{virtual: s.vip, vport: s.port, proto: s.proto}
	f := s.family()
	if s.proto == 0 {
		e.proto = choose(t.dice, t.feat, protocols)
		e.vport = pick(t.dice, []uint16{80, 53, 8000, 8000, 22})
		if s.mark == markPort {
			e.virtual, e.proto, e.vport = farAway(f, 200+t.IntN(3)), packet.ProtoTCP, 8000
		}
	} else if s.port == 0 {
		e.vport = pick(t.dice, []uint16{21, 80, 443, 53, 7777})
	} else if t.feat.has(Strays) && t.in(3) {
		e.vport++
	}
	e.client, e.cport, e.iface = t.someClient(f)
	if t.feat.has(Strays) && t.in(1) {
		e.cport = pick(t.dice, []uint16{0, 1, 20, 21, 65535, e.vport})
	}
	var fl flow
	switch {
	case e.proto == packet.ProtoTCP && e.vport == ftpPort && t.feat.has(FTP):
		fl = ftpFlow{newTCPFlow(t, e)}
	case e.proto == packet.ProtoTCP:
		fl = newTCPFlow(t, e)
	case e.proto == packet.ProtoSCTP:
		fl = &sctpFlow{ends_: e}
	case s.sip:
		fl = &sipFlow{ends_: e, call: t.IntN(6)}
	default:
		fl = &udpFlow{ends_: e}
	}
	if len(t.flows) == maxFlows {
		t.flows[t.IntN(maxFlows)] = fl
	} else {
		t.flows = append(t.flows, fl)
	}
	fl.step(t)
}

// someClient draws who asks: usually one of a few far away, and a port of a few,
// so that addresses and ports meet again.
func (t *traffic) someClient(f family) (a netip.Addr, port uint16, iface string) {
	port = uint16(10000 + t.IntN(40))
	switch {
	case t.feat.has(LocalClients) && t.in(8):
		return pick(t.dice, []netip.Addr{ownOutside[f], ownInside[f]}), port, local
	case t.feat.has(Strays) && t.in(4):
		return realServer(f, t.between(1, servers)), port, t.serverIf()
	case t.in(4):
		return onlineAlone[f], port, outside
	}
	return client(f, t.IntN(16)), port, outside
}

// header draws the header of a packet from one to another.
func (t *traffic) header(src, dst netip.Addr) *ip {
	t.ids++
	h := &ip{src: src, dst: dst, ttl: 64, id: t.ids, df: t.in(60)}
	if t.in(8) {
		h.tos = byte(t.IntN(256))
	}
	if t.feat.has(TTL) && t.in(4) {
		h.ttl = pick(t.dice, []uint8{0, 1, 1, 2, 3, 255})
	}
	if t.feat.has(Options) && t.in(3) {
		t.options(h)
	}
	return h
}

// size draws how much data a packet to or from an interface carries.
func (t *traffic) size(iface string) int {
	mtu := t.mtu[0]
	if iface == inside {
		mtu = t.mtu[1]
	}
	other := t.mtu[0] + t.mtu[1] - mtu
	mtu = min(mtu, 1500)
	switch n := t.IntN(100); {
	case n < 60:
		return t.IntN(48)
	case n < 85:
		return t.IntN(300)
	case n < 95:
		return t.IntN(mtu - 100)
	default:
		// About what fits.
		return max(0, min(mtu, max(other, 576))-pick(t.dice, []int{20, 40, 60, 28, 48, 68})-t.IntN(5))
	}
}

// send sends a datagram, after what happens to it on the way.
func (t *traffic) send(iface string, from mac, data []byte) {
	all := [][]byte{data}
	if t.feat.has(Fragments) && t.in(4) {
		all = t.fragments(data)
	} else if t.feat.has(Broken) && t.in(3) {
		all[0] = t.damage(iface, data)
	}
	for _, b := range all {
		if len(b) <= t.most(iface) {
			t.queue = append(t.queue, t.frame(iface, from, b))
		}
	}
}

// most is how long a datagram an interface can take: a virtual Ethernet pair
// loses frames that are longer than the MTU and a VLAN's tag.
func (t *traffic) most(iface string) int {
	switch iface {
	case outside:
		return t.mtu[0] + 4
	case inside:
		return t.mtu[1] + 4
	}
	return 1500
}

// frame puts a datagram into a frame to the director.
func (t *traffic) frame(iface string, from mac, data []byte) frame {
	if iface == local {
		return frame{local, data}
	}
	to := ownMAC(0)
	if iface == inside {
		to = ownMAC(1)
	}
	if t.feat.has(Strays) && t.in(1) {
		to = pick(t.dice, []mac{{255, 255, 255, 255, 255, 255}, {1, 0, 0x5e, 0, 0, 1}, {0x33, 0x33, 0, 0, 0, 1}, {2, 0, 0, 0, 9, 9}})
	}
	if from == (mac{}) {
		from = gatewayMAC
		if iface == inside {
			from = serverMAC(1)
		}
	}
	typ := []byte{8, 0}
	if len(data) > 0 && data[0]>>4 == 6 {
		typ = []byte{0x86, 0xdd}
	}
	b := append(append(append([]byte(nil), to[:]...), from[:]...), typ...)
	return frame{iface, append(b, data...)}
}
