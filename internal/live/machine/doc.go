// Package machine runs setup commands on the real machine and can undo them.
//
//	setup.Line → Machine → journal (a file, written before) → rtnetlink, /proc/sys
//	                          └ the end, or the next start → undone, last first
//
// What is there already is left as it is, then and at the end. What an earlier
// process left behind and is asked for again is taken over where it stands, so
// that a virtual address doesn't vanish between a crash and the next start;
// what isn't asked for again is undone then.
package machine
