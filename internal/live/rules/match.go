package rules

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"

	"goipvs/packet"
)

// The first of the sixteen 32-bit registers; a concatenation lies in
// consecutive ones.
const reg = 8

// layout is where a family's header fields lie.
type layout struct {
	src, dst, addr uint32 // offsets and length of the addresses
	icmp           uint8
}

var layouts = map[packet.Family]layout{
	packet.IPv4: {12, 16, 4, packet.ProtoICMP},
	packet.IPv6: {8, 24, 16, packet.ProtoICMPv6},
}

// exprs joins parts of a rule.
func exprs(parts ...[]expr.Any) []expr.Any { return slices.Concat(parts...) }

func native(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func load(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: reg} }

func store(key expr.MetaKey) expr.Any {
	return &expr.Meta{Key: key, Register: reg, SourceRegister: true}
}

// and makes the register (reg & mask) ^ xor.
func and(mask, xor uint32) expr.Any {
	return &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: native(mask), Xor: native(xor)}
}

func equal(b ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: b} }

func differs(b ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: b} }

// ours matches packets whose mark has the bit.
func ours(bit uint32) []expr.Any {
	return []expr.Any{load(expr.MetaKeyMARK), and(bit, 0), differs(native(0)...)}
}

// setMark replaces the bits of the mark in mask by those of value.
func setMark(mask, value uint32) []expr.Any {
	return []expr.Any{load(expr.MetaKeyMARK), and(^mask, value), store(expr.MetaKeyMARK)}
}

// restoreMark makes the mark what the priority is, with the bit, and the
// priority 0.
func restoreMark(bit uint32) []expr.Any {
	return []expr.Any{
		load(expr.MetaKeyPRIORITY), differs(native(0)...), and(^bit, bit), store(expr.MetaKeyMARK),
		&expr.Immediate{Register: reg, Data: native(0)}, store(expr.MetaKeyPRIORITY),
	}
}

// The hardware type of the loopback interface.
//
// Kernel: include/uapi/linux/if_arp.h, ARPHRD_LOOPBACK.
const arphrdLoopback = 772

// notLoopback matches packets that leave by a real interface.
func notLoopback() []expr.Any {
	return []expr.Any{load(expr.MetaKeyOIFTYPE), differs(binary.NativeEndian.AppendUint16(nil, arphrdLoopback)...)}
}

// notToHost matches packets whose frame was not for this host alone, at which
// IPVS doesn't look.
func notToHost() []expr.Any {
	return []expr.Any{load(expr.MetaKeyPKTTYPE), differs(byte(packet.ToHost))}
}

// protocol matches a transport protocol.
func protocol(p uint8) []expr.Any { return []expr.Any{load(expr.MetaKeyL4PROTO), equal(p)} }

// known are the protocols that IPVS looks at.
//
// Kernel: ip_vs_proto.c, ip_vs_protocol_init (6.1), and ICMP.
var known = []uint8{packet.ProtoICMP, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoESP, packet.ProtoAH, packet.ProtoICMPv6, packet.ProtoSCTP}

// unknown matches all other protocols.
func unknown() []expr.Any {
	e := []expr.Any{load(expr.MetaKeyL4PROTO)}
	for _, p := range known {
		e = append(e, differs(p))
	}
	return e
}

// icmpErrors matches what IPVS takes for related to a connection: destination
// unreachable, source quench and time exceeded, and all errors of ICMPv6.
//
// Kernel: ip_vs_core.c, ip_vs_in_icmp, ip_vs_in_icmp_v6 (6.1).
func icmpErrors(f packet.Family) [][]expr.Any {
	icmp := func(c ...expr.Any) []expr.Any {
		return exprs(protocol(layouts[f].icmp),
			[]expr.Any{&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Len: 1}}, c)
	}
	if f == packet.IPv6 {
		return [][]expr.Any{icmp(&expr.Cmp{Op: expr.CmpOpLt, Register: reg, Data: []byte{128}})}
	}
	return [][]expr.Any{icmp(equal(3)), icmp(equal(4)), icmp(equal(11))}
}

// jump goes to another chain and comes back at its end.
func jump(chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain}}
}

// to goes to another chain for good.
func to(chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}
}

// accept ends the chain for a packet.
func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func notrack() []expr.Any { return []expr.Any{&expr.Notrack{}} }
