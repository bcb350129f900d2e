// Package follow hears what a running daemon tells of its packets, and writes it
// down as goipvs explain does.
//
//	control.Client.Trace → lines → Run → explain.Sink
package follow
