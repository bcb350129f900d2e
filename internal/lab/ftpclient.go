package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ftpClient is the client's end of an FTP session. Everything has answerTime,
// but for transfers, which have four times that.
type ftpClient struct {
	ns   *Netns
	c    net.Conn
	r    *bufio.Reader
	tell func(format string, args ...any) // what was said, by whom
	free func()                           // what else is open
}

// openFTP connects from an address of a host's to a server and waits until it is
// ready. The session must be ended.
func openFTP(ctx context.Context, ns *Netns, from netip.Addr, to netip.AddrPort, tell func(string, ...any)) (*ftpClient, error) {
	c, err := ns.DialFrom(ctx, net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), "tcp", to.String())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	f := &ftpClient{ns: ns, c: c, r: bufio.NewReader(c), tell: tell, free: func() { stop() }}
	if _, err := f.reply("220"); err != nil {
		f.end()
		return nil, err
	}
	return f, nil
}

// end ends the session.
func (f *ftpClient) end() {
	f.free()
	f.c.Close()
}

// reply reads the server's next line, which must have a code.
func (f *ftpClient) reply(code string) (string, error) {
	if err := f.c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return "", err
	}
	line, err := f.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	f.tell("< %s", line)
	if !strings.HasPrefix(line, code+" ") {
		return line, fmt.Errorf("want %s, the server says %q", code, line)
	}
	return line, nil
}

// command says something and reads the answer, which must have a code.
func (f *ftpClient) command(code, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	f.tell("> %s", line)
	if _, err := io.WriteString(f.c, line+"\r\n"); err != nil {
		return "", err
	}
	return f.reply(code)
}

// dataVia agrees with the server upon a data connection, by PASV, EPSV, PORT or
// EPRT, and returns what makes it, which may be called once.
func (f *ftpClient) dataVia(command string) (func() (net.Conn, error), error) {
	switch command {
	case "PASV", "EPSV":
		return f.passive(command)
	}
	local := f.c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	l, err := f.ns.Listen("tcp", netip.AddrPortFrom(local, 0).String())
	if err != nil {
		return nil, err
	}
	before := f.free
	f.free = func() {
		before()
		l.Close()
	}
	at := netip.AddrPortFrom(local, uint16(l.Addr().(*net.TCPAddr).Port))
	arg := fmt.Sprintf("|%d|%v|%d|", map[bool]int{true: 1, false: 2}[local.Is4()], local, at.Port())
	if command == "PORT" {
		arg = ftpNumbers(at)
	}
	if _, err := f.command("200", "%s %s", command, arg); err != nil {
		return nil, err
	}
	return func() (net.Conn, error) { return accept(l.(*net.TCPListener)) }, nil
}

func (f *ftpClient) passive(command string) (func() (net.Conn, error), error) {
	code, parse := "227", parse227
	if command == "EPSV" {
		peer := f.c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		code, parse = "229", func(s string) (netip.AddrPort, error) { return parse229(s, peer) }
	}
	line, err := f.command(code, "%s", command)
	if err != nil {
		return nil, err
	}
	at, err := parse(line)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	return func() (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		local := f.c.LocalAddr().(*net.TCPAddr)
		return f.ns.DialFrom(ctx, &net.TCPAddr{IP: local.IP}, "tcp", at.String())
	}, nil
}

// transfer says RETR or STOR and moves the file over a data connection agreed
// upon by another command; move doesn't close it. It returns who was at the
// other end.
func (f *ftpClient) transfer(via, command string, move func(net.Conn) error) (net.Addr, error) {
	data, err := f.dataVia(via)
	if err != nil {
		return nil, err
	}
	if _, err := f.command("150", "%s", command); err != nil {
		return nil, err
	}
	c, err := data()
	if err != nil {
		return nil, err
	}
	peer := c.RemoteAddr()
	err = errors.Join(c.SetDeadline(time.Now().Add(4*answerTime)), move(c), c.Close())
	if err != nil {
		return nil, err
	}
	_, err = f.reply("226")
	return peer, err
}

// retrieve gets a file.
func (f *ftpClient) retrieve(via, name string) (text string, peer net.Addr, err error) {
	peer, err = f.transfer(via, "RETR "+name, func(c net.Conn) error {
		b, err := io.ReadAll(c)
		text = string(b)
		return err
	})
	return text, peer, err
}

// store puts a file.
func (f *ftpClient) store(via, name, text string) (peer net.Addr, err error) {
	return f.transfer(via, "STOR "+name, func(c net.Conn) error {
		_, err := io.WriteString(c, text)
		return err
	})
}

// parse227 reads the address in the answer to PASV.
func parse227(line string) (netip.AddrPort, error) {
	_, rest, ok1 := strings.Cut(line, "(")
	numbers, _, ok2 := strings.Cut(rest, ")")
	if !ok1 || !ok2 {
		return netip.AddrPort{}, errFTPAddress
	}
	return parsePORT(numbers)
}

// parse229 reads the port in the answer to EPSV, which is at the server's own
// address.
func parse229(line string, server netip.Addr) (netip.AddrPort, error) {
	_, rest, ok1 := strings.Cut(line, "(|||")
	digits, _, ok2 := strings.Cut(rest, "|)")
	port, err := strconv.ParseUint(digits, 10, 16)
	if !ok1 || !ok2 || err != nil {
		return netip.AddrPort{}, errFTPAddress
	}
	return netip.AddrPortFrom(server, uint16(port)), nil
}
