package fuzzer

import (
	"slices"

	"goipvs/packet"
)

// answer lets a server say something to what reached it.
func (t *traffic) answer() {
	if len(t.owed) == 0 {
		t.continueFlow()
		return
	}
	i := t.IntN(len(t.owed))
	if t.in(60) {
		i = 0
	}
	s := t.owed[i]
	t.owed = append(t.owed[:i], t.owed[i+1:]...)
	if len(t.owed) > remembered {
		t.owed = t.owed[1:]
	}
	tunnelled := &s.inner[0] != &s.data[0]
	direct := tunnelled || isVirtual(t, s)
	if direct && s.iface != local && !t.in(6) {
		return // the answer goes past the director
	}
	h := t.header(s.dst, s.src)
	if t.feat.has(Strays) && t.in(1) {
		h.src = realServer(familyOf(h.src), t.between(1, servers))
	}
	b := t.answerTo(s, h)
	if b == nil {
		return
	}
	t.send(s.iface, s.to, b)
	if t.in(3) {
		t.send(s.iface, s.to, b)
	}
}

func isVirtual(t *traffic, s *sighting) bool {
	return slices.Contains(t.vips, s.dst)
}

func (t *traffic) answerTo(s *sighting, h *ip) []byte {
	switch s.h.Protocol {
	case packet.ProtoTCP:
		return t.answerTCP(s, h)
	case packet.ProtoSCTP:
		return t.answerSCTP(s, h)
	case packet.ProtoUDP:
		if s.dport == 5060 {
			return udpDatagram(h, s.dport, s.sport, t.sip(t.IntN(6)))
		}
		return udpDatagram(h, s.dport, s.sport, t.octets(t.size(s.iface)))
	case packet.ProtoICMP:
		if s.typ == 8 {
			return icmpDatagram(h, 0, 0, 0x10001, s.payload)
		}
	case packet.ProtoICMPv6:
		if s.typ == 128 {
			return icmpDatagram(h, 129, 0, 0x10001, s.payload)
		}
	}
	return nil
}
