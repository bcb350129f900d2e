// Package xmit is what happens to a packet whose server is known: it is
// translated (NAT), sent on as it is (DR), wrapped (Tunnel), left to this host
// (LocalNode) or to its own destination (Bypass); and the ICMP errors that all
// of this can cause.
//
//	hooks → NAT, DR, Tunnel, … → Stack.LocalOut     (out by LOCAL_OUT, POSTROUTING)
//	                           → Accept             (stays on this host)
//	                           → Stack.LocalOut of an ICMP error, packet dropped
//
// A Stack is the machine around: routes, addresses, the way out.
package xmit
