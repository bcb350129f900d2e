// Package conns is what `goipvs conns` does: it lists connections of the running
// daemon as text or JSON, ends those that are meant, and drains a server.
package conns
