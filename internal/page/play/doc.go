// Package play is what the page's playground runs: a setup, a timeline and
// packets, typed or captured, come as text and octets; the lines of
// explain --json come out. It needs no file and no operating system; package
// engine runs it in a browser.
package play
