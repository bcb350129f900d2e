package xmit

import "goipvs/packet"

// ICMPError answers p with an ICMP or ICMPv6 error of a type and code, info
// being what stands in the second word (an MTU, or 0), and sends it into
// LOCAL_OUT. Nothing is sent where the standards and the kernel forbid it: about
// an ICMP error, a later fragment, a broadcast or multicast, or without a route
// and a source.
//
// Kernel: net/ipv4/icmp.c, __icmp_send; net/ipv6/icmp.c, icmp6_send (6.1).
func ICMPError(s Stack, p *packet.Packet, typ, code uint8, info uint32) {}
