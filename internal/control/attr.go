package control

import (
	"bytes"
	"encoding/binary"
	"iter"
	"syscall"

	"goipvs/packet"
)

// kind says what a kind of attribute may look like.
type kind uint8

const (
	unspec    kind = iota // at least so many octets
	fixed                 // at least so many octets, 1, 2, 4 or 8; exactly so many where it is strict
	atMost                // not more than so many octets; 0: any fixed
	nulString             // a terminated string of at most so many characters
	nested                // attributes, or nothing
)

// rule is what is asked of an attribute.
//
// Kernel: include/net/netlink.h, struct nla_policy (6.1).
type rule struct {
	kind kind
	len  int
}

// policy is the rules by type; types beyond are ignored.
type policy []rule

// attrs are the attributes of a message by type; nil: absent. The last one of a
// type counts.
type attrs [][]byte

// The bits of an attribute's type.
const (
	attrTypeMask = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
	attrNested   = 0x8000 // NLA_F_NESTED
)

// each are the attributes in b: where they begin, their types with all bits, and
// their values. What follows a malformed one is ignored.
func each(b []byte) iter.Seq2[attrHead, []byte] {
	return func(yield func(attrHead, []byte) bool) {
		for at := 0; len(b)-at >= attrHeader; {
			n := int(ne.Uint16(b[at:]))
			if n < attrHeader || n > len(b)-at {
				return
			}
			if !yield(attrHead{at, ne.Uint16(b[at+2:])}, b[at+attrHeader:at+n:at+n]) {
				return
			}
			at += align(n)
		}
	}
}

// attrHead is the head of an attribute: where it begins and its type, which may
// have the bits attrNested and that of network order.
type attrHead struct {
	at   int
	bits uint16
}

func (h attrHead) typ() int { return int(h.bits & attrTypeMask) }

// complaint is what the kernel tells of a message beside the error's fixed, to
// who wants to hear it (NETLINK_EXT_ACK).
//
// Kernel: include/linux/netlink.h, struct netlink_ext_ack (6.1).
type complaint struct {
	text string
	at   int   // the attribute, from the beginning of what was parsed; -1: none
	rule *rule // that it doesn't follow
}

// The kernel's words.
//
// Kernel: lib/nlattr.c; genetlink.c, genl_header_check (6.1).
const (
	textPolicy    = "Attribute failed policy validation"
	textLength    = "invalid attribute length"
	textNested    = "NLA_F_NESTED is missing"
	textNotNested = "NLA_F_NESTED not expected"
	textUnspec    = "Unsupported attribute"
	textType      = "Unknown attribute type"
	textLeft      = "bytes leftover after parsing attributes"
	textReserved  = "genlmsghdr.reserved field is not 0"
	textFlags     = "ambiguous or reserved bits set in nlmsg_flags"
)

// parse reads attributes and holds them against the policy, as liberally as the
// kernel does for this family.
func (p policy) parse(b []byte) (attrs, error) {
	a, _, err := p.validate(b, false)
	return a, err
}

// validate reads attributes and holds them against the policy: liberally, or
// strictly as for commands that are newer. A complaint may come without an
// error; it is nil if there is none.
//
// Kernel: lib/nlattr.c, __nla_validate_parse with NL_VALIDATE_LIBERAL or
// NL_VALIDATE_STRICT (6.1).
func (p policy) validate(b []byte, strict bool) (attrs, *complaint, error) {
	a := make(attrs, len(p))
	end := 0
	for h, v := range each(b) {
		end = h.at + align(attrHeader+len(v))
		typ := h.typ()
		if typ == 0 || typ >= len(p) {
			if strict {
				return nil, &complaint{textType, h.at, nil}, syscall.EINVAL
			}
			continue
		}
		if text, err := p[typ].check(h.bits, v, strict); err != nil {
			c := &complaint{text, h.at, &p[typ]}
			if text == textUnspec {
				c.rule = nil
			}
			return nil, c, err
		}
		a[typ] = v
	}
	if end >= len(b) {
		return a, nil, nil
	}
	left := &complaint{textLeft, -1, nil}
	if strict {
		return nil, left, syscall.EINVAL
	}
	return a, left, nil
}

// check is validate_nla. Of what is wrong it returns the kernel's words, too.
//
// Kernel: lib/nlattr.c, validate_nla (6.1).
func (r rule) check(bits uint16, v []byte, strict bool) (string, error) {
	if strict {
		switch isNested := bits&attrNested != 0; {
		case r.kind == fixed && len(v) != r.len:
			return textLength, syscall.EINVAL
		case r.kind == nested && !isNested:
			return textNested, syscall.EINVAL
		case r.kind != nested && r.kind != unspec && isNested:
			return textNotNested, syscall.EINVAL
		case r.kind == unspec:
			return textUnspec, syscall.EINVAL
		}
	}
	switch r.kind {
	case unspec, fixed:
		if len(v) < r.len {
			return textPolicy, syscall.ERANGE
		}
	case atMost:
		if r.len != 0 && len(v) > r.len {
			return textPolicy, syscall.ERANGE
		}
	case nested:
		if len(v) != 0 && len(v) < attrHeader {
			return textPolicy, syscall.ERANGE
		}
	case nulString:
		if bytes.IndexByte(v[:min(len(v), r.len+1)], 0) < 0 {
			return textPolicy, syscall.EINVAL
		}
		n := len(v)
		if v[n-1] == 0 {
			n--
		}
		if n > r.len {
			return textPolicy, syscall.ERANGE
		}
	}
	return "", nil
}

func (a attrs) has(types ...int) bool {
	for _, t := range types {
		if a[t] == nil {
			return false
		}
	}
	return true
}

// The getters want an attribute that is there and was checked.

func (a attrs) u8(t int) uint8    { return a[t][0] }
func (a attrs) u16(t int) uint16  { return ne.Uint16(a[t]) }
func (a attrs) be16(t int) uint16 { return binary.BigEndian.Uint16(a[t]) }
func (a attrs) u32(t int) uint32  { return ne.Uint32(a[t]) }

// str returns a terminated string, "" if there is none.
func (a attrs) str(t int) string {
	v := a[t]
	if i := bytes.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	return string(v)
}

// addr returns an address, as much of it as there is.
func (a attrs) addr(t int, f packet.Family) (r packet.Addr) {
	n := len(r)
	if f == packet.IPv4 {
		n = 4
	}
	copy(r[:n], a[t])
	return r
}
