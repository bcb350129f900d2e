package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// App is what a server serves at an address.
type App string

// The apps.
const (
	AppHTTP App = "http" // one answer a connection, which says who answers whom
	AppEcho App = "echo" // UDP: each datagram comes back with the server's name before it
	AppFTP  App = "ftp"
	AppSIP  App = "sip"  // by UDP
	AppSCTP App = "sctp" // one answer a message, which says who answers whom
)

// Serving is an app at an address.
type Serving struct {
	App App
	At  netip.AddrPort
}

// String returns the form that ParseServing reads: ftp=10.1.0.11:21.
func (s Serving) String() string { return fmt.Sprintf("%s=%v", s.App, s.At) }

// ParseServing reads APP=ADDRESS:PORT.
func ParseServing(text string) (s Serving, err error) {
	app, at, ok := strings.Cut(text, "=")
	if !ok {
		return s, fmt.Errorf("%q: want APP=ADDRESS:PORT", text)
	}
	s.App = App(app)
	if s.At, err = netip.ParseAddrPort(at); err != nil {
		return s, fmt.Errorf("%q: %w", text, err)
	}
	return s, nil
}

// service is a virtual service of a scenario.
type service struct {
	flag string // of ipvsadm, for the protocol
	port uint16
	nat  uint16 // the port of servers behind NAT
	with string // further options
	app  App
}

// Ports of the virtual services and of servers behind NAT. FTP's data comes
// from the port below that of control, and SIP's messages name their port.
const (
	webPort     = 80
	echoPort    = 7
	ftpPort     = 21
	sipPort     = 5060
	natWebPort  = 8080
	natEchoPort = 7007
)

// services returns the virtual services of a scenario.
func (s Scenario) services() []service {
	switch s {
	case FTP:
		return []service{{"-t", ftpPort, ftpPort, "-s rr", AppFTP}}
	case SIP:
		return []service{{"-u", sipPort, sipPort, "-s rr -o -p 60 --pe sip", AppSIP}}
	case SCTP:
		return []service{{"--sctp-service", echoPort, natEchoPort, "-s rr", AppSCTP}}
	}
	return []service{
		{"-t", webPort, natWebPort, "-s rr", AppHTTP},
		{"-u", echoPort, natEchoPort, "-s rr", AppEcho},
	}
}

// servings returns what a server of a scenario serves: with NAT at its own
// address and port, else as the virtual services.
func (s Scenario) servings(at netip.Addr, nat bool) (all []Serving) {
	for _, v := range s.services() {
		port := v.port
		if nat {
			port = v.nat
		}
		all = append(all, Serving{v.app, netip.AddrPortFrom(at, port)})
	}
	return all
}

// rulesOf returns the ipvsadm lines of a scenario.
func rulesOf(s Scenario, n numbers) string {
	flag := map[Scenario]string{DR: "-g", Tunnel: "-i"}[s]
	if flag == "" {
		flag = "-m"
	}
	servers := n.servers(s)
	if s == Local {
		servers = append([]netip.Prefix{n.serverSide}, servers...)
	}
	var b strings.Builder
	for _, svc := range s.services() {
		v := netip.AddrPortFrom(n.vip, svc.port)
		fmt.Fprintf(&b, "ipvsadm -A %s %s %s\n", svc.flag, v, svc.with)
		real := svc.port
		if flag == "-m" {
			real = svc.nat
		}
		for _, a := range servers {
			fmt.Fprintf(&b, "ipvsadm -a %s %s -r %s %s\n", svc.flag, v, netip.AddrPortFrom(a.Addr(), real), flag)
		}
	}
	return b.String()
}

// listings are the arguments of ipvsadm that show a scenario's tables.
func (s Scenario) listings() []string {
	conns := "-Lnc"
	if s == SIP {
		conns += " --persistent-conn"
	}
	return []string{"-Ln", conns, "-Ln --stats"}
}

// possible finds out whether hosts of this machine can speak what the scenario
// needs. Errors: *MissingError.
func (s Scenario) possible() error {
	if s == SCTP {
		return canSCTP()
	}
	return nil
}
