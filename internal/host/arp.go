package host

import (
	"encoding/binary"

	"goipvs/packet"
)

// etherARP is ARP's Ethernet type.
const etherARP = 0x0806

// receiveARP handles a message of ARP, in which an emulated host has no part: its
// neighbours are static. It only looks whether another station says that it has
// an address of this host, as a direct-routing server does that was not told to
// keep quiet about the virtual address.
//
// Kernel: net/ipv4/arp.c, arp_rcv (6.1).
func (h *Host) receiveARP(p *packet.Packet) {
	why := ReasonARP
	if a, ok := ParseARP(p.Data()); ok && h.owns4(a.Sender) {
		why = ReasonARPClaim
		for _, d := range h.ifaces {
			if d != nil && d.mac == a.SenderMAC {
				why = ReasonARP
			}
		}
	}
	h.drop(p, why, "arp_rcv")
}

// ARP is a message of ARP for IPv4 on Ethernet (RFC 826).
type ARP struct {
	Reply     bool // an answer; else a question
	Sender    packet.Addr
	SenderMAC [6]byte
	Target    packet.Addr
}

// ParseARP reads what an Ethernet frame of ARP carries. ok is false where it is
// no message for IPv4 on Ethernet.
func ParseARP(b []byte) (a ARP, ok bool) {
	const ethernet, ask, answer = 1, 1, 2
	if len(b) < 28 || binary.BigEndian.Uint16(b) != ethernet || binary.BigEndian.Uint16(b[2:]) != etherIPv4 || b[4] != 6 || b[5] != 4 {
		return a, false
	}
	op := binary.BigEndian.Uint16(b[6:])
	a.Reply = op == answer
	copy(a.SenderMAC[:], b[8:14])
	copy(a.Sender[:4], b[14:18])
	copy(a.Target[:4], b[24:28])
	return a, op == ask || op == answer
}
