// Package queue takes packets from the kernel's NFQUEUE and gives verdicts.
//
//	queue rule → kernel's queue → Queue.Serve → Handler(batch) → verdicts → the hook goes on
//
// A Queue yields batches: its packets' buffers are the queue's own and are the
// handler's to read and change until it returns; the queue then gives all
// verdicts of the batch. Listen's queue is built on go-nfqueue, whose batches
// are of one packet.
package queue
