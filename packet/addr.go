package packet

import (
	"encoding/binary"
	"net/netip"
)

// Family is an address family, named by its IP version.
type Family uint8

// The two families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String returns "IPv4" or "IPv6".
func (f Family) String() string {
	if f == IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// Addr is an address of either family as a fixed-size value: IPv4 in the first
// four octets with the rest zero, IPv6 in all sixteen. The family is kept
// beside it, as in the kernel's union nf_inet_addr, so that two addresses of
// one family compare with ==.
type Addr [16]byte

// AddrFrom returns a as Addr with its family. An IPv4-mapped IPv6 address is
// IPv6, as on the wire.
func AddrFrom(a netip.Addr) (Addr, Family) {
	var r Addr
	if a.Is4() {
		b := a.As4()
		copy(r[:], b[:])
		return r, IPv4
	}
	return Addr(a.As16()), IPv6
}

// Addr4 returns the IPv4 address whose value in host order is v.
func Addr4(v uint32) (a Addr) {
	binary.BigEndian.PutUint32(a[:], v)
	return a
}

// Netip returns a, which is of family f, as netip.Addr.
func (a Addr) Netip(f Family) netip.Addr {
	if f == IPv6 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[:4]))
}

// V4 returns the value of an IPv4 address in host order.
func (a Addr) V4() uint32 { return binary.BigEndian.Uint32(a[:]) }

// Word returns the i-th 32-bit word of an address in host order (0..3).
func (a *Addr) Word(i int) uint32 { return binary.BigEndian.Uint32(a[4*i:]) }

// Fold returns the exclusive or of the four words of an IPv6 address, or the
// one word of an IPv4 address, in host order: what the hash functions of the
// schedulers and of the service table start from.
func (a *Addr) Fold() uint32 { return a.Word(0) ^ a.Word(1) ^ a.Word(2) ^ a.Word(3) }

// IsZero reports whether a is the unspecified address.
func (a Addr) IsZero() bool { return a == Addr{} }

// IsLoopback reports whether a, of family f, is 127.0.0.0/8 or ::1.
func (a Addr) IsLoopback(f Family) bool {
	if f == IPv4 {
		return a[0] == 127
	}
	return a == Addr{15: 1}
}

// IsMulticast reports whether a, of family f, is 224.0.0.0/4 or ff00::/8.
func (a Addr) IsMulticast(f Family) bool {
	if f == IPv4 {
		return a[0]&0xf0 == 0xe0
	}
	return a[0] == 0xff
}

// IsLinkLocal6 reports whether the IPv6 address a is in fe80::/10.
func (a Addr) IsLinkLocal6() bool { return a[0] == 0xfe && a[1]&0xc0 == 0x80 }

// Mask returns a, of family f, with all but its network part cleared. The mask
// is an IPv4 netmask in host order or an IPv6 prefix length, as services keep
// it.
func (a Addr) Mask(f Family, mask uint32) Addr {
	if f == IPv4 {
		return Addr4(a.V4() & mask)
	}
	for i := range a {
		n := int(mask) - 8*i
		switch {
		case n <= 0:
			a[i] = 0
		case n < 8:
			a[i] &= 0xff << (8 - n)
		}
	}
	return a
}
