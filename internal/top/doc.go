// Package top shows a running daemon in a terminal: services and servers with
// their rates and connections, connections by state, what is dropped and why.
//
//	control socket → Sample → lines of text → terminal, or anything else once
//
// Rates are the daemon's own, those of ipvsadm --rate; rates of drops are
// differences between two samples.
package top
