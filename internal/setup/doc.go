// Package setup is the command language of setup files and timelines: the very
// ip, sysctl, iptables, modprobe and ipvsadm lines that configure a real
// director, one command a line.
//
//	setup.sh    → Parse         ─┐
//	timeline.sh → ParseTimeline ─┴→ []Line{Position, At, Command} → Line.Run(Machine)
//
// Parsing knows nothing of what the commands are run on: a Machine may be the
// emulated host with a director beside it, or the real machine. What the
// language doesn't have is an error that names file, line and word; nothing is
// passed over in silence.
package setup
