// Package queue takes packets from the kernel's NFQUEUE and gives verdicts.
//
//	queue rule → kernel's queue → Queue.Serve → Handler(batch) → verdicts → the hook goes on
//
// A Queue yields batches: its packets' buffers are the queue's own and are the
// handler's to read and change until it returns; the queue then gives all
// verdicts of the batch. There are two ways of talking to the kernel. Batch is
// the fast one:
//
//	recvmmsg → 64 slots of an arena → attributes, in place → Handler
//	sendmsg  ← verdicts, runs of equal ones as one, payloads where they lie
//
// from a thread of its own, without allocating. NFQueue is go-nfqueue, whose
// batches are of one packet: simple, and what Batch is tested against.
//
// While packets come fast (40,000 a second in one queue) but few at a time (less
// than 8), Batch pauses for 30 µs before it takes the next: waking up for each
// packet would cost more than the packet does.
package queue
