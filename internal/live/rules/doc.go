// Package rules programs nftables so that packets which can concern IPVS, and
// no others, go into goipvs's queues.
//
//	table ip goipvs, table ip6 goipvs, each while its family has services
//
//	prerouting -300  replies → notrack          output -300  ours: the user's mark back, notrack
//	prerouting -150  the setup's marks                       replies → notrack
//	input        98  ┐                          output  -97  ours: our bit off the mark
//	forward      99  ├ requests, replies,       postrouting -300  the same
//	output      -99  ┘ ICMP errors → queue
//
// The priorities of the three chains that queue are those of IPVS's first hook
// function at each point (hooks.Places): the director runs the second one right
// behind it. What goipvs sends carries one bit of the mark, its counterpart of
// the kernel's skb->ipvs_property, which every queue rule excludes; the user's
// own rules see the mark without it wherever that is possible.
//
// No rule lets a packet pass because nobody serves the queue: it is dropped.
// So while a daemon that was killed is away, its services are silent, and the
// local stack doesn't answer in their place. Each change is one transaction.
//
// Which queue, the client's address and port say, so that both directions of a
// connection meet in one. TCP has queues of its own, if wanted, for super-packets.
//
// The queue expression is used where the kernel has it, else the NFQUEUE target
// of xtables through nft_compat. Fragments are put together by the kernel
// (nf_defrag_ipv4, nf_defrag_ipv6) before any of this, which is switched on by
// a rule that is never reached: IPVS asks for the same in IPv6, and puts IPv4
// fragments together itself at the hooks.
package rules
