package lab

import (
	"fmt"
	"net/netip"

	"goipvs/packet"
)

// sipTalk is calls of one port that another port ends, and at last a call of a
// server's.
func (p Plan) sipTalk() talk {
	servers := map[netip.AddrPort]*sipServer{}
	begun, called := 0, false
	datagram := func(from, to netip.AddrPort, m sipMessage) []byte {
		return transport(from, to, packet.ProtoUDP, append(make([]byte, packet.SizeUDP), m.encode()...))
	}
	ask := func(method, call string, port uint16) []byte {
		from := p.asker(port)
		return datagram(from, p.Service(), sipRequest(method, call, 1, from, p.Service()))
	}
	return talk{
		requests: 3,
		begin: func(i int) saying {
			return saying{data: ask("INVITE", callName(i+1), sipPort)}
		},
		client: func(b []byte) []saying {
			h, ok := hear(p.Family, b, packet.ProtoUDP, packet.SizeUDP)
			if !ok {
				return nil
			}
			m, err := parseSIP(h.payload[packet.SizeUDP:])
			switch id := m.header("Call-ID"); {
			case err != nil:
				return nil
			case m.method() == "NOTIFY":
				return append(say(datagram(p.asker(sipPort), p.Service(), sipResponse(&m, "client", ""))),
					say(ask("INFO", id, 41000))...)
			case m.header("CSeq") == "1 INVITE":
				begun++
				s := saying{data: ask("BYE", id, uint16(40000+begun))}
				if begun == 1 {
					s.heading = "A call's next request, from another port, on its way through the hooks, step by step:"
				}
				return []saying{s}
			case m.header("CSeq") == "1 BYE" && !called:
				called = true
				return say(ask("SUBSCRIBE", "wish@client", sipPort))
			}
			return nil
		},
		server: func(b []byte) (all []saying) {
			h, ok := hear(p.Family, b, packet.ProtoUDP, packet.SizeUDP)
			if !ok {
				return nil
			}
			m, err := parseSIP(h.payload[packet.SizeUDP:])
			if err != nil {
				return nil
			}
			srv := servers[h.to]
			if srv == nil {
				srv = newSIPServer(nil, p.serverAt(h.to.Addr()), h.to)
				servers[h.to] = srv
			}
			for _, r := range srv.replies(&m, h.from) {
				s := saying{data: datagram(h.to, h.from, r)}
				if r.method() == "NOTIFY" {
					s.heading = "And a request of a server's own:"
				}
				all = append(all, s)
			}
			return all
		},
	}
}

// callName is the Call-ID of the client's n-th call.
func callName(n int) string { return fmt.Sprintf("call%d@client", n) }

// serverAt is the name of the server at an address.
func (p Plan) serverAt(a netip.Addr) string {
	for i, s := range numbersOf(p.Family).server {
		if s.Addr() == a {
			return serverName(i)
		}
	}
	return ""
}
