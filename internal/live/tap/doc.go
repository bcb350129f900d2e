// Package tap tells tracers of the packets in a daemon's hands, as goipvs explain
// tells of those of a capture.
//
//	worker: packet → Scribe (events → trace.Recorder → trace.Passage) ─┬→ tracer's queue → Hub.Trace → lines
//	ends of connections → Hub ─────────────────────────────────────────┘
//
// With no tracer a packet costs an atomic load. With some, it is put in words by
// the worker that has it, as connections and services are only then as they were;
// that takes some tens of microseconds, so a worker does it for so many packets in a
// second and no more (perSecond). What a tracer's reader doesn't take in time is
// lost to it, and counted. Nothing waits for a tracer.
package tap
