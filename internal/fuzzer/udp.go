package fuzzer

import (
	"fmt"

	"goipvs/packet"
)

// udpFlow is a client that sends UDP.
type udpFlow struct{ ends_ }

func (f *udpFlow) ends() ends { return f.ends_ }

func (f *udpFlow) step(t *traffic) {
	h, data := t.header(f.client, f.virtual), t.octets(t.size(f.iface))
	if t.in(5) {
		data = t.zeroSum(h, packet.ProtoUDP, f.cport, f.vport, 0, 0, 0, data)
	}
	t.send(f.iface, f.mac(), udpDatagram(h, f.cport, f.vport, data))
}

func (*udpFlow) saw(*sighting) {}

// sipFlow is a client that calls by SIP.
type sipFlow struct {
	ends_
	call int
}

func (f *sipFlow) ends() ends { return f.ends_ }

func (f *sipFlow) step(t *traffic) {
	t.send(f.iface, f.mac(), udpDatagram(t.header(f.client, f.virtual), f.cport, f.vport, t.sip(f.call)))
}

func (*sipFlow) saw(*sighting) {}

// sip draws a SIP message of a call.
func (t *traffic) sip(call int) []byte {
	id := fmt.Sprintf("Call-ID: call%d@192.0.2.99\r\n", call)
	switch t.IntN(20) {
	case 0:
		id = ""
	case 1:
		id = "call-id:  x\r\n"
	case 2:
		id = "i: short\r\n"
	case 3:
		id = "Call-ID:\r\n"
	}
	first := pick(t.dice, []string{"INVITE sip:u@h SIP/2.0\r\n", "OPTIONS sip:h SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "BYE sip:u@h SIP/2.0\r\n"})
	return []byte(first + "Via: SIP/2.0/UDP h:5060\r\n" + id + "Content-Length: 0\r\n\r\n")
}
