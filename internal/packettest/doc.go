// Package packettest is what tests of several packages need of packets: a
// builder of datagrams, a text in which two of them can be compared, goldens,
// and a small machine around the engine.
//
//	IP{Src, Dst, …}.TCP(…) → octets → packet.Packet → engine → Text → golden
//
// Only tests import it.
package packettest
