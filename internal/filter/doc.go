// Package filter understands tcpdump's filter expressions (pcap-filter(7)), as
// far as they are about Ethernet, IP and what goes over it.
//
//	expression → Parse → Filter.Match(Frame)
//
// It is held against tcpdump itself, frame by frame. What it doesn't take is an
// error that names the word, never a guess. There are pure Go compilers of such
// expressions, but none that gets "a and b or c", "not (…)" and "icmp" right.
package filter
