package inject

import (
	"encoding/binary"

	"goipvs/packet"
)

// Fragments calls send with the fragments of an IPv4 datagram, of at most mtu
// octets each. df says that they keep the datagram's DF. id is the
// identification if the datagram has none, for all of them. A fragment is valid
// during the call only.
//
// Kernel: net/ipv4/ip_output.c, ip_do_fragment; ip_options.c,
// ip_options_fragment (6.1).
func Fragments(b []byte, mtu int, df bool, id uint16, send func([]byte) error) error {
	hlen := int(b[0]&0xf) * 4
	word := binary.BigEndian.Uint16(b[6:])
	body := b[hlen:]
	size := max((mtu-hlen)&^7, 8)
	frag := make([]byte, hlen+size)
	copy(frag, b[:hlen])
	if binary.BigEndian.Uint16(b[4:]) == 0 {
		binary.BigEndian.PutUint16(frag[4:], id)
	}
	flags := word & packet.FlagDF
	if !df {
		flags = 0
	}
	for at := 0; at < len(body); at += size {
		n := copy(frag[hlen:], body[at:])
		w := flags | (word&packet.FragMask + uint16(at/8))
		if at+n < len(body) || word&packet.FlagMF != 0 {
			w |= packet.FlagMF
		}
		f := frag[:hlen+n]
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		binary.BigEndian.PutUint16(f[6:], w)
		packet.SetIPv4Checksum(f, 0)
		if err := send(f); err != nil {
			return err
		}
		if at == 0 {
			dropUncopied(frag[packet.SizeIPv4:hlen])
		}
	}
	return nil
}

// dropUncopied makes no-operations of the options that only the first fragment
// has (RFC 791 §3.1).
func dropUncopied(opts []byte) {
	for len(opts) > 0 {
		n := 1
		switch opts[0] {
		case 0:
			return
		case 1:
		default:
			if len(opts) < 2 || int(opts[1]) < 2 || int(opts[1]) > len(opts) {
				return
			}
			n = int(opts[1])
			if opts[0]&0x80 == 0 {
				for i := range n {
					opts[i] = 1
				}
			}
		}
		opts = opts[n:]
	}
}

// Fragments6 is Fragments for IPv6, whose fragments get a header of their own
// with the identification id.
//
// Kernel: net/ipv6/ip6_output.c, ip6_fragment; output_core.c,
// ip6_find_1stfragopt (6.1).
func Fragments6(b []byte, mtu int, id uint32, send func([]byte) error) error {
	const size = 8 // of the fragment header
	at, next := unfragmentable(b)
	body := b[at:]
	room := max((mtu-at-size)&^7, 8)
	frag := make([]byte, at+size+room)
	copy(frag, b[:at])
	frag[at] = frag[next]
	frag[next] = packet.ExtFragment
	binary.BigEndian.PutUint32(frag[at+4:], id)
	for done := 0; done < len(body); done += room {
		n := copy(frag[at+size:], body[done:])
		w := uint16(done)
		if done+n < len(body) {
			w |= 1
		}
		f := frag[:at+size+n]
		binary.BigEndian.PutUint16(f[at+2:], w)
		binary.BigEndian.PutUint16(f[4:], uint16(len(f)-packet.SizeIPv6))
		if err := send(f); err != nil {
			return err
		}
	}
	return nil
}

// unfragmentable returns the length of what stands in every fragment of an IPv6
// datagram, and where the number of the header behind it stands.
func unfragmentable(b []byte) (size, next int) {
	const hopByHop, routing, destOpts = 0, 43, 60
	size, next = packet.SizeIPv6, 6
	routed := false
	for len(b) >= size+2 {
		switch b[next] {
		case hopByHop:
		case routing:
			routed = true
		case destOpts:
			if routed {
				return size, next
			}
		default:
			return size, next
		}
		n := (int(b[size+1]) + 1) * 8
		if len(b) < size+n {
			break
		}
		next, size = size, size+n
	}
	return size, next
}
