// Package conntrack is the connection table: entries, templates, timers and the
// protocol state machines.
package conntrack
