package setup

import "goipvs/packet"

// iptables parses what follows `iptables` or `ip6tables`: a rule of table
// mangle, chain PREROUTING, that sets a mark. Options may come in any order.
func iptables(w *words, v6 bool) Command {
	c := MarkAdd{IPv6: v6}
	var mangle, appended, mark bool
	for w.more() {
		switch w.next() {
		case "-t", "--table":
			ofRule(w, "mangle")
			mangle = true
		case "-A", "--append":
			ofRule(w, "PREROUTING")
			appended = true
		case "-i", "--in-interface":
			c.In = w.dev()
		case "-d", "--dst", "--destination":
			c.Dst = w.prefix(&v6)
		case "-p", "--protocol":
			c.Protocol = protocol(w)
		case "-m", "--match":
			if m := w.one("tcp", "udp"); m != "" && protocols[m] != c.Protocol {
				w.unknown()
			}
		case "--dport", "--destination-port":
			if c.Protocol != packet.ProtoTCP && c.Protocol != packet.ProtoUDP {
				w.unknown()
			}
			c.DPort, c.HasDPort = uint16(w.uint(16)), true
		case "-j", "--jump":
			ofRule(w, "MARK")
		case "--set-mark", "--set-xmark":
			c.Mark, mark = uint32(w.uint(32)), true
		default:
			w.unknown()
		}
	}
	switch {
	case !mangle:
		w.fail(ErrNeed, "-t mangle")
	case !appended:
		w.fail(ErrNeed, "-A PREROUTING")
	case !mark:
		w.fail(ErrNeed, "-j MARK --set-mark")
	}
	return c
}

// ofRule takes a word that a rule must have where it stands.
func ofRule(w *words, want string) {
	if got := w.next(); got != want {
		w.fail(ErrRule, got)
	}
}

var protocols = map[string]uint8{
	"tcp": packet.ProtoTCP, "udp": packet.ProtoUDP, "sctp": packet.ProtoSCTP,
	"icmp": packet.ProtoICMP, "icmpv6": packet.ProtoICMPv6, "ipv6-icmp": packet.ProtoICMPv6,
}

// protocol takes a protocol's name or number; "all" is 0.
func protocol(w *words) uint8 {
	s := w.peek()
	if p, ok := protocols[s]; ok {
		w.next()
		return p
	}
	if s == "all" {
		w.next()
		return 0
	}
	return uint8(w.uint(8))
}
