package typed

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"goipvs/packet"
)

// ErrLine is what is wrong with a line.
type ErrLine struct {
	Line int // from 1
	What string
}

func (e *ErrLine) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// spacing is the time between packets that say none.
const spacing = 10 * time.Millisecond

// maxLength is the longest datagram.
const maxLength = math.MaxUint16

// line is a packet as it was typed.
type line struct {
	number int // of the line
	at     time.Duration
	iface  string // "": that by which the packet left which about names
	datagram
	about int    // the packet that it answers; 0: it is a packet of its own
	kind  string // of an ICMP error, "" for a reply
	by    netip.Addr
}

// datagram is what a packet says.
type datagram struct {
	src, dst netip.AddrPort
	proto    uint8
	flags    string // of TCP, or the chunk of SCTP; "": the usual one
	ttl      uint8
	length   int // of all of it, in octets; 0: no longer than need be
	mtu      uint32
}

// parse reads the lines.
func parse(text string) (all []line, err error) {
	at := time.Duration(0)
	for i, s := range strings.Split(text, "\n") {
		s, _, _ = strings.Cut(s, "#")
		words := strings.Fields(s)
		if len(words) == 0 {
			continue
		}
		l := line{number: i + 1, datagram: datagram{ttl: 64}}
		if err := l.parse(words, at, len(all)); err != nil {
			return nil, &ErrLine{i + 1, err.Error()}
		}
		at = l.at
		all = append(all, l)
	}
	return all, nil
}

// parse reads a line. before is the time of the last packet, of which there were
// count.
func (l *line) parse(words []string, before time.Duration, count int) error {
	l.at = before + spacing
	if c := words[0][0]; c == '+' || '0' <= c && c <= '9' {
		t, err := strconv.ParseFloat(words[0], 64)
		if err != nil || t < 0 || t > 1e8 {
			return fmt.Errorf("%q is no time in seconds", words[0])
		}
		l.at = time.Duration(t * float64(time.Second))
		if c == '+' {
			l.at += before
		}
		if l.at < before {
			return fmt.Errorf("it comes before the packet before")
		}
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return fmt.Errorf("a packet is missing")
	case words[0] == "reply" || words[0] == "error":
		return l.answer(words, count)
	}
	return l.own(words)
}

// answer reads "reply N [FLAGS]" or "error N KIND".
func (l *line) answer(words []string, count int) error {
	if len(words) < 2 {
		return fmt.Errorf("%s to which packet?", words[0])
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 1 || n > count {
		return fmt.Errorf("%q is no packet before this one", words[1])
	}
	l.about = n
	if words[0] == "reply" {
		return l.words(words[2:])
	}
	if len(words) < 3 {
		return fmt.Errorf("which error? %s", errorNames())
	}
	l.kind = words[2]
	rest := words[3:]
	if _, ok := errorKinds[l.kind]; !ok {
		return fmt.Errorf("%q is no error; there are %s", l.kind, errorNames())
	}
	if l.kind == tooBig {
		if len(rest) == 0 {
			return fmt.Errorf("%s needs the MTU", tooBig)
		}
		mtu, err := strconv.ParseUint(rest[0], 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no MTU", rest[0])
		}
		l.mtu, rest = uint32(mtu), rest[1:]
	}
	if len(rest) > 1 && rest[0] == "by" {
		if l.by, err = netip.ParseAddr(rest[1]); err != nil {
			return fmt.Errorf("%q is no address", rest[1])
		}
		rest = rest[2:]
	}
	return l.words(rest)
}

// own reads a packet that says all itself.
func (l *line) own(words []string) error {
	if len(words) < 5 || words[2] != ">" {
		return fmt.Errorf("INTERFACE SOURCE > DESTINATION PROTOCOL is wanted, or reply N, or error N KIND")
	}
	l.iface = words[0]
	if len(l.iface) > 15 {
		return fmt.Errorf("%q is too long for an interface", l.iface)
	}
	var err error
	if l.src, err = endpoint(words[1]); err != nil {
		return err
	}
	if l.dst, err = endpoint(words[3]); err != nil {
		return err
	}
	if l.src.Addr().Is4() != l.dst.Addr().Is4() {
		return fmt.Errorf("%s and %s are of two families", l.src.Addr(), l.dst.Addr())
	}
	switch words[4] {
	case "TCP":
		l.proto = packet.ProtoTCP
	case "UDP":
		l.proto = packet.ProtoUDP
	case "SCTP":
		l.proto = packet.ProtoSCTP
	case "ICMP", "ICMPv6":
		l.proto = packet.ProtoICMP
		if l.src.Addr().Is6() {
			l.proto = packet.ProtoICMPv6
		}
	default:
		return fmt.Errorf("%q is no protocol: TCP, UDP, SCTP or ICMP", words[4])
	}
	return l.words(words[5:])
}

// endpoint reads an address, with or without a port.
func endpoint(s string) (netip.AddrPort, error) {
	if e, err := netip.ParseAddrPort(s); err == nil && e.Addr().Zone() == "" && !e.Addr().Is4In6() {
		return e, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.AddrPort{}, fmt.Errorf("%q is no address and no address with a port", s)
	}
	return netip.AddrPortFrom(a, 0), nil
}

// words reads what else there is of a packet: flags, "ttl N", "length N".
func (l *line) words(words []string) error {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case (w == "ttl" || w == "length") && i+1 < len(words):
			i++
			n, err := strconv.ParseUint(words[i], 10, 16)
			if err != nil || w == "ttl" && n > 255 {
				return fmt.Errorf("%s %q", w, words[i])
			}
			if w == "ttl" {
				l.ttl = uint8(n)
			} else {
				l.length = int(n)
			}
		case l.flags == "" && (l.proto == packet.ProtoSCTP || l.replies()) && isChunk(w),
			l.flags == "" && (l.proto == packet.ProtoTCP || l.replies()) && isFlags(w):
			l.flags = w
		default:
			return fmt.Errorf("%q is not understood", w)
		}
	}
	return nil
}

// replies reports whether the line is a reply, whose protocol is not known yet.
func (l *line) replies() bool { return l.about != 0 && l.kind == "" }
