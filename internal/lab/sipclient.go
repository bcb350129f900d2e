package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// sipClient is a client's socket for SIP.
type sipClient struct {
	net.PacketConn
	local, to netip.AddrPort
	stop      func() bool
}

// openSIP opens a socket on an address, port 0 for any, for messages to a
// server, also for those of somebody else. It must be ended.
func openSIP(ctx context.Context, ns *Netns, local, to netip.AddrPort) (*sipClient, error) {
	c, err := ns.ListenPacket("udp", local.String())
	if err != nil {
		return nil, err
	}
	local = netip.AddrPortFrom(local.Addr(), uint16(c.LocalAddr().(*net.UDPAddr).Port))
	return &sipClient{c, local, to, context.AfterFunc(ctx, func() { _ = c.Close() })}, nil
}

// end closes the socket.
func (c *sipClient) end() {
	c.stop()
	_ = c.Close()
}

// send sends a message to the server.
func (c *sipClient) send(m sipMessage) error {
	_, err := c.WriteTo(m.encode(), net.UDPAddrFromAddrPort(c.to))
	return err
}

// receive waits for a message. Whoever it comes from, it must be the server.
func (c *sipClient) receive() (m sipMessage, err error) {
	if err := c.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return m, err
	}
	buf := make([]byte, 1<<16)
	n, from, err := c.ReadFrom(buf)
	if err != nil {
		return m, err
	}
	if at := from.(*net.UDPAddr).AddrPort(); at != c.to {
		return m, fmt.Errorf("a message from %v, not %v", at, c.to)
	}
	return parseSIP(buf[:n])
}

// request sends a request and returns the response, in which the Server header
// names who answered.
func (c *sipClient) request(method, callID string, seq int) (m sipMessage, err error) {
	if err := c.send(sipRequest(method, callID, seq, c.local, c.to)); err != nil {
		return m, err
	}
	m, err = c.receive()
	if err == nil && (m.method() != "" || m.header("Call-ID") != callID) {
		err = fmt.Errorf("%s of %s: answered by %q of %s", method, callID, m.start, m.header("Call-ID"))
	}
	return m, err
}

// invite begins a call and returns the server that took it.
func (c *sipClient) invite(callID string) (server string, err error) {
	m, err := c.request("INVITE", callID, 1)
	if err != nil {
		return "", err
	}
	return m.header("Server"), c.send(sipRequest("ACK", callID, 1, c.local, c.to))
}

// errNoNotify is the error for a server that doesn't call.
var errNoNotify = errors.New("no NOTIFY")

// subscribe asks a server to call, answers the call, and returns the server and
// the call.
func (c *sipClient) subscribe(callID string) (server string, notify sipMessage, err error) {
	m, err := c.request("SUBSCRIBE", callID, 1)
	if err != nil {
		return "", m, err
	}
	server = m.header("Server")
	if notify, err = c.receive(); err != nil {
		return server, notify, err
	}
	if notify.method() != "NOTIFY" {
		return server, notify, fmt.Errorf("%w, but %q", errNoNotify, notify.start)
	}
	return server, notify, c.send(sipResponse(&notify, "client", ""))
}
