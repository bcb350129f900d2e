// Package mmsg receives and sends many messages in one system call.
//
// It is what golang.org/x/sys/unix lacks of recvmmsg(2) and sendmmsg(2), for
// callers that keep their messages and must not allocate.
package mmsg
