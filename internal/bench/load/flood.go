package load

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// floodBatch is how many datagrams one system call sends.
const floodBatch = 32

// flood sends datagrams from so many sockets in turn. What the machine can't
// send at the moment is not sent.
func flood(t Task) (r Result, err error) {
	var socks []*ipv4.PacketConn
	defer func() {
		for _, s := range socks {
			err = errors.Join(err, s.Close())
		}
	}()
	for range t.Conns {
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(t.To))
		if err != nil {
			return r, fmt.Errorf("flood: %w", err)
		}
		socks = append(socks, ipv4.NewPacketConn(c))
	}
	batch := make([]ipv4.Message, floodBatch)
	payload := [][]byte{make([]byte, t.Size)}
	for i := range batch {
		batch[i].Buffers = payload
	}
	start := time.Now()
	for i := 0; time.Since(start) < t.For && (t.Count == 0 || r.Sent < t.Count); i++ {
		n, err := socks[i%len(socks)].WriteBatch(batch, 0)
		r.Sent += uint64(max(n, 0))
		switch {
		case err == nil, errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ECONNREFUSED):
		default:
			return r, fmt.Errorf("flood: %w", err)
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}
