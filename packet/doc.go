// Package packet holds one IP datagram as the hooks see it.
//
// A Packet is the counterpart of the kernel's sk_buff: the octets from the IP
// header on, the marks that travel with it, and nothing more. It is parsed once
// into a Header of offsets; headers are read and changed in place, so nothing
// on a packet's way copies the payload.
//
//	source → Packet{Buf} → ParseHeader → Header{Src, Dst, Protocol, Len} → hooks
//
// The package knows no socket, file, clock or operating system.
package packet
