// Package sched holds virtual services, their real servers and the schedulers
// that choose among them.
//
// A Table has the services; a Service its Dests, newest first as in the kernel,
// and its Scheduler; a Scheduler turns a Request into a Dest. What a scheduler
// chooses is exact: same order of the list, same hash functions, same ties as
// Linux 6.1.
//
//	packet → Table.Find → Service.Schedule → Dest
//
// Changes to the table need all packet handlers to be still (hooks.Director
// sees to it); scheduling itself is safe for concurrent use.
package sched
