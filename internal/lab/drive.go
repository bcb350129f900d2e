package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"goipvs/packet"
)

// drive has the client use the services.
func (d *demo) drive(ctx context.Context) error {
	defer d.printf("\n")
	switch d.plan.Scenario {
	case FTP:
		return d.ftp(ctx)
	case SIP:
		return d.sip(ctx)
	case SCTP:
		return d.sctp(ctx)
	}
	return d.requests(ctx)
}

// requests makes HTTP requests and UDP echoes from the client, and from the
// director where it is a client, too.
func (d *demo) requests(ctx context.Context) error {
	clients := []*Node{d.lab.Client()}
	if d.plan.Scenario == Local {
		clients = append(clients, d.lab.Director())
	}
	for _, c := range clients {
		d.printf("%s asks http://%v/:\n", c.Name, d.plan.Web())
		if err := d.ask(ctx, func() (string, error) { return text(Get(ctx, c.Netns, d.plan.Web())) }); err != nil {
			return err
		}
		d.printf("%s sends datagrams to %v:\n", c.Name, d.plan.Echo())
		if err := d.ask(ctx, func() (string, error) { return text(Echo(ctx, c.Netns, d.plan.Echo(), "hello")) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) ask(ctx context.Context, request func() (string, error)) error {
	for i := range requests {
		a, err := request()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		d.printf("  %d  %s\n", i+1, a)
	}
	return nil
}

func text(a Answer, err error) (string, error) { return a.Text, err }

// sctp makes associations.
func (d *demo) sctp(ctx context.Context) error {
	c, from := d.lab.Client(), numbersOf(d.plan.Family).client.Addr()
	d.printf("%s sends messages to %v, each in an association of its own:\n", c.Name, d.plan.Service())
	return d.ask(ctx, func() (string, error) { return askSCTP(ctx, c.Netns, from, d.plan.Service()) })
}

// ftp has a session with passive and one with active transfers. What the server
// said, and the client doesn't hear, comes as the file.
func (d *demo) ftp(ctx context.Context) error {
	ways := [][2]string{{"passive", "PASV"}, {"active", "PORT"}}
	if d.plan.Family == packet.IPv6 {
		ways = [][2]string{{"passive", "EPSV"}, {"active", "EPRT"}}
	}
	for _, way := range ways {
		d.printf("%s opens ftp://%v/, %s:\n", d.lab.Client().Name, d.plan.Service(), way[0])
		if err := d.ftpSession(ctx, way[1]); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) ftpSession(ctx context.Context, via string) error {
	tell := func(format string, args ...any) { d.printf("  "+format+"\n", args...) }
	f, err := openFTP(ctx, d.lab.Client().Netns, numbersOf(d.plan.Family).client.Addr(), d.plan.Service(), tell)
	if err != nil {
		return err
	}
	defer f.end()
	if _, err := f.command("230", "USER anonymous"); err != nil {
		return err
	}
	said, peer, err := f.retrieve(via, ftpSaid)
	if err != nil {
		return err
	}
	d.printf("    the file, from %v:\n", peer)
	for l := range strings.Lines(said) {
		d.printf("      %s", l)
	}
	_, err = f.command("221", "QUIT")
	return err
}

// sip makes calls from one port, ends them from others, and is called.
func (d *demo) sip(ctx context.Context) error {
	c, to := d.lab.Client(), d.plan.Service()
	at := func(port uint16) netip.AddrPort {
		return netip.AddrPortFrom(numbersOf(d.plan.Family).client.Addr(), port)
	}
	phone, err := openSIP(ctx, c.Netns, at(sipPort), to)
	if err != nil {
		return err
	}
	defer phone.end()
	d.printf("%s makes calls to sip:%v, all from %v:\n", c.Name, to, phone.local)
	calls := 0
	err = d.ask(ctx, func() (string, error) {
		calls++
		server, err := phone.invite(callName(calls))
		return fmt.Sprintf("INVITE  Call-ID %s  %s", callName(calls), server), err
	})
	if err != nil {
		return err
	}
	d.printf("and ends them, each time from another port:\n")
	calls = 0
	err = d.ask(ctx, func() (string, error) {
		calls++
		other, err := openSIP(ctx, c.Netns, at(0), to)
		if err != nil {
			return "", err
		}
		defer other.end()
		m, err := other.request("BYE", callName(calls), 2)
		return fmt.Sprintf("BYE     Call-ID %s  %s, asked from %v", callName(calls), m.header("Server"), other.local), err
	})
	if err != nil {
		return err
	}
	return d.sipCalled(ctx, phone)
}

// sipCalled has a server call the client.
func (d *demo) sipCalled(ctx context.Context, phone *sipClient) error {
	server, notify, err := phone.subscribe("wish@client")
	if err != nil {
		return err
	}
	id := notify.header("Call-ID")
	d.printf("client subscribes: %s will call. Its request, and the client's answer:\n", server)
	d.printf("  NOTIFY  Call-ID %s from %v, which is %s\n", id, phone.to, notify.header("From"))
	other, err := openSIP(ctx, d.lab.Client().Netns, netip.AddrPortFrom(phone.local.Addr(), 0), phone.to)
	if err != nil {
		return err
	}
	defer other.end()
	// The answer to the NOTIFY has another port and so may go through another
	// queue: it can come after a question that was sent later.
	var m sipMessage
	for seq := 2; seq < 20 && !strings.HasSuffix(m.body, "was answered"); seq++ {
		if m, err = other.request("INFO", id, seq); err != nil {
			return err
		}
	}
	d.printf("  INFO    Call-ID %s  %s, asked from %v: %s\n", id, m.header("Server"), other.local, m.body)
	return nil
}
