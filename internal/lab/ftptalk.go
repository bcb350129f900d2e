package lab

import (
	"fmt"
	"net/netip"
	"strings"

	"goipvs/packet"
)

// ftpPorts are those of data connections in a conversation: where the server
// listens, and where the client does.
const (
	ftpPassivePort = 44000
	ftpActivePort  = 45000
)

// ftpTalk is sessions that get to a data connection, one by the server's port,
// the next by the client's, and so on.
func (p Plan) ftpTalk() talk {
	headings := map[string]string{ // told once each
		"227": "The server's answer to PASV on its way through the hooks, step by step:",
		"229": "The server's answer to EPSV on its way through the hooks, step by step:",
		"SYN": "The first packet of the data connection that it speaks of:",
	}
	once := func(s tcpSegment, what string) saying {
		h := headings[what]
		delete(headings, what)
		return saying{s.encode(), h}
	}
	return talk{
		requests: 2,
		begin: func(i int) saying {
			return saying{data: tcpSegment{from: p.asker(uint16(40000 + i)), to: p.Service(), seq: 1000, flags: flagSYN}.encode()}
		},
		client: func(b []byte) []saying {
			s, ok := hearTCP(p.Family, b)
			if !ok {
				return nil
			}
			code, _, _ := strings.Cut(s.text, " ")
			switch {
			case s.flags&flagSYN != 0 && s.flags&flagACK == 0:
				return say(s.answer(flagSYN|flagACK, "").encode())
			case s.flags&flagSYN != 0:
				return say(s.answer(flagACK, "").encode())
			case code == "220":
				return say(s.answer(flagPSH|flagACK, p.ftpAsk(s.to)).encode())
			case code == "227" || code == "229":
				syn := tcpSegment{from: p.asker(46000), to: netip.AddrPortFrom(p.VIP, ftpPassivePort), flags: flagSYN}
				return append(say(s.answer(flagACK, "").encode()), once(syn, "SYN"))
			}
			return nil
		},
		server: p.ftpServerSays(once),
	}
}

// ftpAsk is what the client says in a session from a port: the sessions take
// turns.
func (p Plan) ftpAsk(client netip.AddrPort) string {
	at := netip.AddrPortFrom(client.Addr(), ftpActivePort)
	switch passive := client.Port()%2 == 0; {
	case passive && p.Family == packet.IPv6:
		return "EPSV\r\n"
	case passive:
		return "PASV\r\n"
	case p.Family == packet.IPv6:
		return fmt.Sprintf("EPRT |2|%v|%d|\r\n", at.Addr(), at.Port())
	}
	return fmt.Sprintf("PORT %s\r\n", ftpNumbers(at))
}

// ftpServerSays is the servers' part.
func (p Plan) ftpServerSays(once func(tcpSegment, string) saying) func([]byte) []saying {
	greeted := map[netip.AddrPort]bool{}
	return func(b []byte) []saying {
		s, ok := hearTCP(p.Family, b)
		if !ok {
			return nil
		}
		command, _, _ := strings.Cut(strings.TrimSpace(s.text), " ")
		switch {
		case s.flags&(flagSYN|flagACK) == flagSYN:
			a := s.answer(flagSYN|flagACK, "")
			a.seq = 5000
			return say(a.encode())
		case s.flags&flagSYN != 0:
			return say(s.answer(flagACK, "").encode())
		case command == "PASV":
			at := netip.AddrPortFrom(s.to.Addr(), ftpPassivePort)
			return []saying{once(s.answer(flagPSH|flagACK, fmt.Sprintf("227 Entering Passive Mode (%s)\r\n", ftpNumbers(at))), "227")}
		case command == "EPSV":
			return []saying{once(s.answer(flagPSH|flagACK, fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)\r\n", ftpPassivePort)), "229")}
		case command == "PORT" || command == "EPRT":
			syn := tcpSegment{
				from: netip.AddrPortFrom(s.to.Addr(), ftpPort-1), to: netip.AddrPortFrom(s.from.Addr(), ftpActivePort),
				seq: 7000, flags: flagSYN,
			}
			return append(say(s.answer(flagPSH|flagACK, "200 will connect\r\n").encode()), saying{data: syn.encode()})
		case s.to.Port() == ftpPort && !greeted[s.from]:
			greeted[s.from] = true
			return say(s.answer(flagPSH|flagACK, fmt.Sprintf("220 %s is ready\r\n", p.serverAt(s.to.Addr()))).encode())
		}
		return nil
	}
}
