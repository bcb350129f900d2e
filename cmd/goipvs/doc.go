// Command goipvs is Linux's IPVS in userspace: a load balancer at netfilter's
// hooks, its ipvsadm, a laboratory to see it work, and replay of captures.
//
// Each subcommand is a file here, a screen or two of wiring.
package main
