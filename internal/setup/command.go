package setup

import (
	"io"
	"net/netip"
	"strings"
)

// Command is one typed command. It is one of the types below.
type Command interface {
	// Run runs the command. What it prints, if anything, goes to out.
	Run(m Machine, out io.Writer) error
}

// Machine is what commands are run on: a host's network configuration and its
// director. Errors are those of the operation alone; Line.Run says where.
type Machine interface {
	AddLink(LinkAdd) error
	SetLink(LinkSet) error
	AddAddr(AddrAdd) error
	AddRoute(RouteAdd) error
	AddRule(RuleAdd) error
	AddNeigh(NeighAdd) error
	AddMark(MarkAdd) error
	Sysctl(Sysctl) error
	LoadModule(Module) error
	IPVSAdm(c IPVSAdm, out io.Writer) error
}

// LinkAdd is `ip link add NAME type KIND`. The one kind is dummy.
type LinkAdd struct{ Name, Kind string }

// LinkSet is `ip link set NAME …`; what isn't given is nil or zero.
type LinkSet struct {
	Name string
	MAC  *[6]byte
	MTU  int
	Up   *bool
}

// AddrAdd is `ip addr add ADDR/LEN dev IF`.
type AddrAdd struct {
	Dev     string
	Prefix  netip.Prefix // with its host part
	Replace bool         // `ip addr replace`
}

// RouteType is the type of a route, named as ip names it.
type RouteType string

// The types of routes.
const (
	Unicast     RouteType = "unicast"
	Local       RouteType = "local"
	Unreachable RouteType = "unreachable"
	Blackhole   RouteType = "blackhole"
	Prohibit    RouteType = "prohibit"
)

// RouteAdd is `ip route add …`.
type RouteAdd struct {
	Type   RouteType
	Prefix netip.Prefix // the default route: of length 0
	Via    netip.Addr   // the zero Addr: none
	Dev    string       // "": none given
	Table  uint32       // 0: none given, so main

	Replace bool // `ip route replace`
}

// RuleAdd is `ip rule add …`.
type RuleAdd struct {
	IPv6   bool
	From   netip.Prefix // the zero Prefix: any
	FwMark uint32       // 0: any
	Table  uint32
}

// NeighAdd is `ip neigh add ADDR lladdr MAC dev IF`.
type NeighAdd struct {
	Dev  string
	Addr netip.Addr
	MAC  [6]byte

	Replace bool // `ip neigh replace`
}

// MarkAdd is `iptables -t mangle -A PREROUTING … -j MARK --set-mark N`.
type MarkAdd struct {
	IPv6     bool
	In       string       // "": any
	Dst      netip.Prefix // the zero Prefix: any
	Protocol uint8        // 0: any
	HasDPort bool
	DPort    uint16
	Mark     uint32
}

// Sysctl is `sysctl -w KEY=VALUE`. The key has dots.
type Sysctl struct{ Key, Value string }

// Module is `modprobe NAME`.
type Module struct{ Name string }

// IPVSAdm is an ipvsadm command line without the program's name.
type IPVSAdm struct{ Args []string }

// Lists reports whether the command prints something and changes nothing:
// -L and -S, alone or with other letters (`-Lnc`).
func (c IPVSAdm) Lists() bool {
	for _, a := range c.Args {
		switch {
		case a == "--list", a == "--save":
			return true
		case strings.HasPrefix(a, "--") || !strings.HasPrefix(a, "-") || len(a) < 2:
		case strings.IndexByte("LlS", a[1]) >= 0:
			return true
		}
	}
	return false
}

// String returns the command line as it was typed, words folded.
func (c IPVSAdm) String() string { return "ipvsadm " + strings.Join(c.Args, " ") }

// Run implements Command.
func (c LinkAdd) Run(m Machine, _ io.Writer) error { return m.AddLink(c) }

// Run implements Command.
func (c LinkSet) Run(m Machine, _ io.Writer) error { return m.SetLink(c) }

// Run implements Command.
func (c AddrAdd) Run(m Machine, _ io.Writer) error { return m.AddAddr(c) }

// Run implements Command.
func (c RouteAdd) Run(m Machine, _ io.Writer) error { return m.AddRoute(c) }

// Run implements Command.
func (c RuleAdd) Run(m Machine, _ io.Writer) error { return m.AddRule(c) }

// Run implements Command.
func (c NeighAdd) Run(m Machine, _ io.Writer) error { return m.AddNeigh(c) }

// Run implements Command.
func (c MarkAdd) Run(m Machine, _ io.Writer) error { return m.AddMark(c) }

// Run implements Command.
func (c Sysctl) Run(m Machine, _ io.Writer) error { return m.Sysctl(c) }

// Run implements Command.
func (c Module) Run(m Machine, _ io.Writer) error { return m.LoadModule(c) }

// Run implements Command.
func (c IPVSAdm) Run(m Machine, out io.Writer) error { return m.IPVSAdm(c, out) }
