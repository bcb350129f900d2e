package conns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

// Choice is which connections a user means, in his words. The zero value means
// all.
type Choice struct {
	TCP, UDP, SCTP string // a service, ADDRESS:PORT
	Mark           uint32 // a service's firewall mark; 0: none
	IPv6           bool   // the mark's service is IPv6's
	Server         string // ADDRESS or ADDRESS:PORT
	Client         string // ADDRESS or ADDRESS/LENGTH
	ClientPort     uint16 // 0: any
	State          string // in any case
	Older, Younger time.Duration
	Idle           time.Duration // without a packet for so long
	Gone           bool          // of deleted servers alone
	Only           string        // "conns", "templates" or ""
}

// Filter returns what the choice means.
func (c *Choice) Filter() (f hooks.ConnFilter, err error) {
	if f.Service, err = c.Service(); err != nil {
		return f, err
	}
	if c.Server != "" {
		k, err := ParseServer(c.Server)
		if err != nil {
			return f, fmt.Errorf("--server %s: %w", c.Server, err)
		}
		f.Server = &k
	}
	if c.Client != "" {
		if f.Client, err = parsePrefix(c.Client); err != nil {
			return f, fmt.Errorf("--client %s: %w", c.Client, err)
		}
	}
	if c.Older < 0 || c.Younger < 0 || c.Idle < 0 {
		return f, errors.New("--older, --younger and --idle: not negative")
	}
	switch c.Only {
	case "":
	case "conns":
		f.Kind = hooks.OnlyConns
	case "templates":
		f.Kind = hooks.OnlyTemplates
	default:
		return f, fmt.Errorf("--only %s: neither conns nor templates", c.Only)
	}
	f.CPort, f.State = c.ClientPort, strings.ToUpper(c.State)
	f.MinAge, f.MaxAge, f.MinIdle, f.Gone = c.Older, c.Younger, c.Idle, c.Gone
	return f, nil
}

// All reports whether the choice means all connections.
func (c *Choice) All() bool { return *c == Choice{} }

// Service returns the service that is named, nil if none is.
func (c *Choice) Service() (*sched.ServiceKey, error) {
	var k *sched.ServiceKey
	for _, s := range []struct {
		flag, text string
		proto      uint8
	}{{"--tcp-service", c.TCP, packet.ProtoTCP}, {"--udp-service", c.UDP, packet.ProtoUDP}, {"--sctp-service", c.SCTP, packet.ProtoSCTP}} {
		if s.text == "" {
			continue
		}
		if k != nil {
			return nil, errTwoServices
		}
		a, err := netip.ParseAddrPort(s.text)
		if err != nil || a.Addr().Zone() != "" {
			return nil, fmt.Errorf("%s %s: not ADDRESS:PORT", s.flag, s.text)
		}
		k = &sched.ServiceKey{Protocol: s.proto, Port: a.Port()}
		k.Addr, k.Family = packet.AddrFrom(a.Addr())
	}
	switch {
	case c.Mark == 0 && c.IPv6:
		return nil, errors.New("--ipv6 goes with --fwmark-service")
	case c.Mark == 0:
		return k, nil
	case k != nil:
		return nil, errTwoServices
	}
	k = &sched.ServiceKey{Family: packet.IPv4, FWMark: c.Mark}
	if c.IPv6 {
		k.Family = packet.IPv6
	}
	return k, nil
}

var errTwoServices = errors.New("more than one service")

// ParseServer reads "ADDRESS", "ADDRESS:PORT" or "[IPv6 ADDRESS]:PORT"; without a
// port it is 0.
func ParseServer(s string) (k sched.DestKey, err error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		p, err := netip.ParseAddrPort(s)
		if err != nil {
			return k, errors.New("not ADDRESS or ADDRESS:PORT")
		}
		a, k.Port = p.Addr(), p.Port()
	}
	if a.Zone() != "" {
		return k, errors.New("an address with a zone")
	}
	k.Addr, k.Family = packet.AddrFrom(a)
	return k, nil
}

// parsePrefix reads an address or a prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, errors.New("not ADDRESS or ADDRESS/LENGTH")
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
