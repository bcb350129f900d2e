// Package onlooker finds out whether anybody's rules would see what goipvs sends
// on, were it sent past them.
//
//	nf_tables' chains, xtables' tables, IPsec policies → View
//
// What has no rule and lets everything pass doesn't count. nf_tables tells of
// changes at once; for the others one has to look now and then.
package onlooker
