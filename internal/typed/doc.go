// Package typed makes a capture of packets that somebody types, a line each, in
// the words in which explain tells of packets:
//
//	# [SECONDS | +SECONDS] INTERFACE SOURCE > DESTINATION PROTOCOL [WORDS]
//	eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN
//	reply 1                         the answer to what packet 1 put out
//	+0.5 eth0 192.0.2.100 > 203.0.113.10 ICMP ttl 3
//	error 2 unreachable             an ICMP error about what packet 2 put out
//
// Replies and errors are made when their turn comes, of what a packet before has
// put out by then; so the capture is read while it is replayed.
package typed
