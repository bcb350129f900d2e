package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// answerTime is how long a client waits for an answer.
const answerTime = 5 * time.Second

// Answer is what a server answered.
type Answer struct {
	Server string
	Text   string
}

// Dialer is where a request comes from; a Netns is one.
type Dialer interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// Get makes one HTTP request, on a connection of its own.
func Get(ctx context.Context, from Dialer, to netip.AddrPort) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, err := from.Dial(ctx, "tcp", to.String())
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.String()+"/", nil)
	if err != nil {
		return Answer{}, err
	}
	req.Close = true
	if err := req.Write(c); err != nil {
		return Answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.Header.Get("Server"), strings.TrimSpace(string(text))}, err
}

// Echo sends a datagram, from a port of its own, and waits for the answer.
// Nothing is sent again.
func Echo(ctx context.Context, from Dialer, to netip.AddrPort, text string) (Answer, error) {
	c, err := from.Dial(ctx, "udp", to.String())
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return Answer{}, err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return Answer{}, err
	}
	buf := make([]byte, 1<<16)
	n, err := c.Read(buf)
	if err != nil {
		return Answer{}, err
	}
	reply := string(buf[:n])
	server, rest, ok := strings.Cut(reply, ": ")
	if !ok || rest != text {
		return Answer{}, fmt.Errorf("%v answered %q to %q", to, reply, text)
	}
	return Answer{server, reply}, nil
}
