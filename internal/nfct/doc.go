// Package nfct is netfilter's connection tracking, as far as IPVS meets it.
//
// The kernel turns it on, for a family, once a service on FTP's port has a
// server with NAT: the FTP helper can't do without. From then on what happens
// to packets depends on it: what it takes for invalid has no tracked
// connection, is tracked anew behind the translation, and is dropped there for
// standing in the way of the connection that is known already.
//
//	PREROUTING, LOCAL_OUT   Table.In       finds the packet's connection, or makes one
//	LOCAL_IN …              Table.Redirect says where replies will come from
//	POSTROUTING             Table.Out      adjusts sequence numbers, commits the connection
//
// Expectations are left out: the kernel refuses those of IPVS, as its
// connections have no helper of connection tracking's own.
//
// Kernel: net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_*.c (6.1).
package nfct
