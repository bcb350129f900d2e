// Package sched holds virtual services, their real servers and the schedulers
// that choose among them.
//
// A Table has the services; a Service its Dests, newest first as in the kernel,
// and its Scheduler; a Scheduler turns a Request into a Dest. What a scheduler
// chooses is exact: same order of the list, same hash functions, same ties as
// Linux 6.1.
//
//	packet → Table.Find → Service.Schedule → Dest → Dest.Bind
//
// A deleted server stays in the table's trash, for its connections' sake, until
// it has been without any for two minutes; added again before, it is the same
// server still.
//
// Changes to the table, Advance among them, need all packet handlers to be
// still (hooks.Director sees to it). All else is safe for concurrent use:
// finding, scheduling, binding connections and counting, none of which
// allocates, but for the caches of lblc and lblcr.
package sched
