// Package explain replays a capture and says, for each packet, what the director
// did with it and why.
//
//	replay.Run ─ frames, outputs, commands ─┐
//	hooks, host ─ events ─ trace.Recorder ──┴→ Collector → trace.Start, trace.Passage…, trace.End
//
// Each packet, each command of the timeline and each thing that happens by time
// makes one Passage, in order of time. What becomes of them is a Sink's business:
// text, JSON, a capture with comments, the life of a connection.
package explain
