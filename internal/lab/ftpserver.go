package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ftpSession is a client's session with a small FTP server (RFC 959, RFC 2428).
// It has one file of its own, which STOR writes, and one named ftpSaid, which
// has what the server said so far: behind NAT not what the client heard.
type ftpSession struct {
	c    net.Conn
	name string
	at   netip.AddrPort
	said strings.Builder
	file []byte
	// data makes the data connection that was agreed upon; nil: none was.
	data func() (net.Conn, error)
	free func() // what data holds
}

// ftpSaid is the file with what the server said.
const ftpSaid = "said"

// serveFTP serves a control connection until it ends.
func serveFTP(c net.Conn, name string, at netip.AddrPort) {
	s := &ftpSession{c: c, name: name, at: at}
	defer s.forget()
	fmt.Fprintf(&s.said, "%s at %v said to %v:\n", name, at, c.RemoteAddr())
	s.say("220 %s is ready", name)
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		command, arg, _ := strings.Cut(lines.Text(), " ")
		if command = strings.ToUpper(command); command == "QUIT" {
			s.say("221 bye")
			return
		}
		s.obey(command, arg)
	}
}

// say answers, and remembers it.
func (s *ftpSession) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.said.WriteString(line + "\n")
	_, _ = io.WriteString(s.c, line+"\r\n") // the next read finds out
}

func (s *ftpSession) obey(command, arg string) {
	switch command {
	case "USER":
		s.say("230 logged in")
	case "NOOP":
		s.say("200 nothing done")
	case "PASV", "EPSV":
		s.passive(command == "EPSV")
	case "PORT", "EPRT":
		s.active(command, arg)
	case "RETR":
		file := s.file
		if arg == ftpSaid {
			file = []byte(s.said.String())
		}
		s.transfer(func(c net.Conn) error {
			_, err := c.Write(file)
			return err
		})
	case "STOR":
		s.transfer(func(c net.Conn) (err error) {
			s.file, err = io.ReadAll(c)
			return err
		})
	default:
		s.say("502 %s is not known here", command)
	}
}

// forget lets go of what was agreed upon for data.
func (s *ftpSession) forget() {
	if s.free != nil {
		s.free()
	}
	s.data, s.free = nil, nil
}

// passive listens for a data connection and says where.
func (s *ftpSession) passive(extended bool) {
	s.forget()
	if !extended && s.at.Addr().Is6() {
		s.say("425 not in IPv6")
		return
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.at.Addr(), 0)))
	if err != nil {
		s.say("425 %v", err)
		return
	}
	s.free = func() { _ = l.Close() }
	s.data = func() (net.Conn, error) { return accept(l) }
	a := l.Addr().(*net.TCPAddr).AddrPort()
	if extended {
		s.say("229 Entering Extended Passive Mode (|||%d|)", a.Port())
		return
	}
	s.say("227 Entering Passive Mode (%s)", ftpNumbers(a))
}

// accept waits for a connection, not for ever.
func accept(l *net.TCPListener) (net.Conn, error) {
	if err := l.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	return l.Accept()
}

// active will connect to where the client says it listens, from the port below
// that of the control connection.
func (s *ftpSession) active(command, arg string) {
	s.forget()
	to, err := parsePORT(arg)
	if command == "EPRT" {
		to, err = parseEPRT(arg)
	}
	if err != nil {
		s.say("501 %v", err)
		return
	}
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.at.Addr(), s.at.Port()-1)),
		Control:   shared, Timeout: answerTime,
	}
	s.data = func() (net.Conn, error) { return d.Dial("tcp", to.String()) }
	s.say("200 will connect from port %d", s.at.Port()-1)
}

// shared lets connections to different clients have the same port here.
func shared(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	return errors.Join(err, set)
}

// transfer makes the data connection and moves a file over it.
func (s *ftpSession) transfer(move func(net.Conn) error) {
	if s.data == nil {
		s.say("425 use PASV, EPSV, PORT or EPRT first")
		return
	}
	defer s.forget()
	s.say("150 here it comes")
	c, err := s.data()
	if err == nil {
		err = errors.Join(c.SetDeadline(time.Now().Add(4*answerTime)), move(c), c.Close())
	}
	if err != nil {
		s.say("426 %v", err)
		return
	}
	s.say("226 done")
}

// ftpNumbers returns an address and port as PORT and 227 have them.
func ftpNumbers(a netip.AddrPort) string {
	b := a.Addr().Unmap().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", b[0], b[1], b[2], b[3], a.Port()>>8, a.Port()&0xff)
}

// errFTPAddress is the error for text that is no address of PORT's or EPRT's.
var errFTPAddress = errors.New("no address")

// parsePORT reads the form "192,0,2,1,4,1".
func parsePORT(text string) (netip.AddrPort, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 6 {
		return netip.AddrPort{}, errFTPAddress
	}
	var n [6]byte
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return netip.AddrPort{}, errFTPAddress
		}
		n[i] = byte(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), nil
}

// parseEPRT reads the form "|1|192.0.2.1|1025|", with any delimiter.
func parseEPRT(text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, errFTPAddress
	}
	parts := strings.Split(text, text[:1])
	if len(parts) != 5 {
		return netip.AddrPort{}, errFTPAddress
	}
	a, err := netip.ParseAddr(parts[2])
	port, err2 := strconv.ParseUint(parts[3], 10, 16)
	if err != nil || err2 != nil || parts[1] != map[bool]string{false: "1", true: "2"}[a.Is6()] {
		return netip.AddrPort{}, errFTPAddress
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}
