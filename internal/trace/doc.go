// Package trace renders what happened to packets: the events that the engine
// emits, as steps that can be read, kept and written as text or JSON.
//
//	packet.Listener.Event → Recorder → Passage → Conclude → WriteText, JSON
//
// What is decided, and what the events are, belongs to the packages that decide
// (hooks, xmit). Here is only how to say it.
package trace
