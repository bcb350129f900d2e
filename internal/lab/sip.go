package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// sipMessage is as much of a SIP message (RFC 3261) as is needed to see it
// balanced: the first line, the headers, of which each is there once, and the
// body.
type sipMessage struct {
	start   string
	headers []sipHeader
	body    string
}

type sipHeader struct{ name, value string }

// errSIP is the error for what is no SIP message.
var errSIP = errors.New("no SIP message")

// parseSIP reads a message.
func parseSIP(b []byte) (m sipMessage, err error) {
	head, body, ok := strings.Cut(string(b), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if !ok || !strings.HasPrefix(lines[0], "SIP/2.0 ") && !strings.HasSuffix(lines[0], " SIP/2.0") {
		return m, errSIP
	}
	m.start, m.body = lines[0], body
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return m, errSIP
		}
		m.headers = append(m.headers, sipHeader{name, strings.TrimSpace(value)})
	}
	return m, nil
}

// header returns the value of a header, "" if there is none.
func (m *sipMessage) header(name string) string {
	for _, h := range m.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

// method returns a request's method, "" for a response.
func (m *sipMessage) method() string {
	method, _, _ := strings.Cut(m.start, " ")
	if strings.HasPrefix(method, "SIP/") {
		return ""
	}
	return method
}

// encode is what goes on the wire.
func (m *sipMessage) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n", m.start)
	for _, h := range m.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(m.body), m.body)
	return b.Bytes()
}

// sipRequest makes a request of a call from one party to another.
func sipRequest(method, callID string, seq int, from, to netip.AddrPort) sipMessage {
	return sipMessage{start: fmt.Sprintf("%s sip:%v SIP/2.0", method, to), headers: []sipHeader{
		{"Via", fmt.Sprintf("SIP/2.0/UDP %v;branch=z9hG4bK-%s-%d", from, callID, seq)},
		{"Max-Forwards", "70"},
		{"From", fmt.Sprintf("<sip:%v>;tag=%s", from, callID)},
		{"To", fmt.Sprintf("<sip:%v>", to)},
		{"Call-ID", callID},
		{"CSeq", fmt.Sprintf("%d %s", seq, method)},
	}}
}

// sipResponse makes the response 200 to a request.
func sipResponse(req *sipMessage, server, body string) sipMessage {
	m := sipMessage{start: "SIP/2.0 200 OK", body: body}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		m.headers = append(m.headers, sipHeader{name, req.header(name)})
	}
	m.headers = append(m.headers, sipHeader{"Server", server})
	return m
}

// sipServer answers each request with 200 and its name. Who subscribes is sent a
// NOTIFY in a call of the server's own; a request in that call is told whether
// the NOTIFY was answered.
type sipServer struct {
	net.PacketConn
	name string
	at   netip.AddrPort

	mu       sync.Mutex
	notified map[string]bool // by Call-ID: whether it was answered
}

func newSIPServer(c net.PacketConn, name string, at netip.AddrPort) *sipServer {
	return &sipServer{PacketConn: c, name: name, at: at, notified: map[string]bool{}}
}

func (s *sipServer) run() error {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.ReadFrom(buf)
		if err != nil {
			return err
		}
		m, err := parseSIP(buf[:n])
		if err != nil {
			continue
		}
		for _, reply := range s.replies(&m, from.(*net.UDPAddr).AddrPort()) {
			if _, err := s.WriteTo(reply.encode(), from); errors.Is(err, net.ErrClosed) {
				return err
			}
		}
	}
}

// replies returns what is to be sent to who sent m.
func (s *sipServer) replies(m *sipMessage, from netip.AddrPort) []sipMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := m.header("Call-ID")
	answered, own := s.notified[id]
	switch m.method() {
	case "":
		if own {
			s.notified[id] = true
		}
		return nil
	case "ACK":
		return nil
	case "SUBSCRIBE":
		call := fmt.Sprintf("%s-%d", s.name, len(s.notified)+1)
		s.notified[call] = false
		return []sipMessage{sipResponse(m, s.name, ""), sipRequest("NOTIFY", call, 1, s.at, from)}
	}
	body := ""
	if answered {
		body = "the NOTIFY was answered"
	} else if own {
		body = "the NOTIFY was not answered"
	}
	return []sipMessage{sipResponse(m, s.name, body)}
}
