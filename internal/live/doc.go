// Package live is goipvs on the real machine: the director behind netfilter's
// hooks, and the daemon around it.
//
//	                     ┌ rules: what may concern IPVS → queue
//	kernel's hooks → queue → worker → hooks.Director → verdict → kernel
//	                                       │ stack (xmit.Stack)
//	                                       ├ route: the kernel's routes, remembered
//	                                       ├ onlooker: would anybody's rules see it?
//	                                       └ inject: raw sockets → LOCAL_OUT, or
//	                                                 packet socket → link
//	setup file → machine (addresses, routes, …, undone at the end)
//	control socket → backend → director, rules
//
// What a hook does with a packet: at LOCAL_IN what goes to a server is dropped
// and sent again, so that LOCAL_OUT and POSTROUTING see it, as after the
// kernel's transmitters; at LOCAL_OUT it goes on changed, and the kernel routes
// it anew, but where its next hop is not its destination's it is sent again,
// too; replies go on changed. What is not IPVS's goes on as it came.
//
// Differs from the kernel's ip_vs in what it can't see or do from outside:
//   - The user's OUTPUT rules see the packets of local clients dropped by IPVS
//     vanish without the EPERM that sendto(2) gives there.
//   - A reply translated at FORWARD that source routing sends another way than
//     before (snat_reroute) leaves through LOCAL_OUT instead.
//   - Connection tracking knows the connections of services, with
//     net.ipv4.vs.conntrack=1, as those of clients to real servers. With 0,
//     replies are not tracked from PREROUTING on.
//   - Datagrams of more than 65,531 octets are dropped: the kernel hands no
//     more out. Super-packets of that length come again, cut by the kernel.
//   - How large the segments of a super-packet of TCP were isn't told. One that is
//     sent on gets segments of what the way carries, but no more than the
//     receiver said in its SYN, or ICMP errors said of the path to it. So a
//     super-packet whose segments are too large for the way on is not refused,
//     as the kernel's IPVS does, but cut smaller; other packets are refused.
//     At LOCAL_OUT, and at FORWARD where rules come behind IPVS, the kernel cuts
//     them as they were.
//   - With a packet socket (package inject) what is sent on passes neither
//     OUTPUT nor POSTROUTING; by default that is so only while nobody's rules
//     could tell (package onlooker). Rules of nf_tables count at once when they
//     change, those of iptables-legacy and IPsec policies within a second.
//   - What came in fragments leaves as one packet if it fits, or is cut anew: how
//     it was cut before isn't told. IPv4 datagrams without DF whose
//     identification is 0 get one. That it came in fragments is known by its
//     length alone: more than its link carries, or more than its sender was
//     told, by an ICMPv6 error of the director's, that the path does.
//   - Packets too short to have ports go to the local stack, which drops them,
//     instead of being dropped by IPVS.
//   - Between the moment somebody deletes the tables (a whole ruleset loaded
//     anew) and the next, a millisecond later, IPVS is not there.
package live
