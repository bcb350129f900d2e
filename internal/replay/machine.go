package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/host"
	"goipvs/internal/ipvsadm"
	"goipvs/internal/setup"
	"goipvs/packet"
	"goipvs/sched"
)

// machine is the emulated host with its director, as setup commands see it.
type machine struct {
	host *host.Host
	dir  *hooks.Director
	conn control.Conn
	macs map[string][6]byte // of the interfaces there are
}

var _ setup.Machine = (*machine)(nil)

func newMachine(sink host.Sink, l packet.Listener, k hooks.Kernel) *machine {
	h := host.New(host.Config{Sink: sink, Listener: l, Kernel: k})
	d := hooks.New(hooks.Config{Stack: h, Kernel: k, Listener: l})
	h.SetHooks(d)
	e := control.NewEngine(d)
	e.Interface = h.HasInterface
	return &machine{host: h, dir: d, conn: e.Conn(), macs: map[string][6]byte{}}
}

// advance moves both clocks, as far as the host has something to do at a time: an
// ICMP error that it makes then meets the connections that are there then.
func (m *machine) advance(now time.Duration) {
	for at, ok := m.host.Next(); ok && at < now; at, ok = m.host.Next() {
		m.dir.Advance(max(at, m.dir.Now()))
		m.host.Advance(at)
	}
	m.dir.Advance(now)
	m.host.Advance(now)
}

// addEthernet adds an Ethernet interface. Its address until the setup says
// otherwise is 02:00:00:00:N:01, with N its number from 0.
func (m *machine) addEthernet(name string) error {
	if err := m.host.AddInterface(name, host.Ethernet); err != nil {
		return err
	}
	mac := [6]byte{2, 0, 0, 0, byte(len(m.macs)), 1}
	m.macs[name] = mac
	return m.host.SetMAC(name, mac)
}

// AddLink implements setup.Machine.
func (m *machine) AddLink(c setup.LinkAdd) error {
	return about(m.host.AddInterface(c.Name, host.Dummy), c.Name)
}

// SetLink implements setup.Machine.
func (m *machine) SetLink(c setup.LinkSet) error {
	var err error
	if c.MAC != nil {
		if err = m.host.SetMAC(c.Name, *c.MAC); err == nil {
			m.macs[c.Name] = *c.MAC
		}
	}
	if err == nil && c.MTU != 0 {
		err = m.host.SetMTU(c.Name, c.MTU)
	}
	if err == nil && c.Up != nil {
		err = m.host.SetUp(c.Name, *c.Up)
	}
	return about(err, c.Name)
}

// about puts the operand that an error is about before it.
func about(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// AddAddr implements setup.Machine.
func (m *machine) AddAddr(c setup.AddrAdd) error {
	err := m.host.AddAddr(c.Dev, c.Prefix)
	if c.Replace && errors.Is(err, host.ErrExists) {
		return nil
	}
	return about(err, c.Prefix.String()+" dev "+c.Dev)
}

var routeTypes = map[setup.RouteType]host.RouteType{
	setup.Unicast: host.Unicast, setup.Local: host.LocalRoute, setup.Unreachable: host.Unreachable,
	setup.Blackhole: host.Blackhole, setup.Prohibit: host.Prohibit,
}

// AddRoute implements setup.Machine.
func (m *machine) AddRoute(c setup.RouteAdd) error {
	return about(m.host.AddRoute(host.RouteSpec{
		Dst: c.Prefix, Type: routeTypes[c.Type], Via: c.Via, Dev: c.Dev, Table: c.Table,
	}), c.Prefix.String())
}

// AddRule implements setup.Machine.
func (m *machine) AddRule(c setup.RuleAdd) error {
	return m.host.AddRule(host.RuleSpec{Family: family(c.IPv6), From: c.From, Mark: c.FwMark, Table: c.Table})
}

func family(v6 bool) packet.Family {
	if v6 {
		return packet.IPv6
	}
	return packet.IPv4
}

// AddNeigh implements setup.Machine.
func (m *machine) AddNeigh(c setup.NeighAdd) error {
	return about(m.host.AddNeigh(c.Dev, c.Addr, c.MAC), c.Addr.String()+" dev "+c.Dev)
}

// AddMark implements setup.Machine.
func (m *machine) AddMark(c setup.MarkAdd) error {
	return m.host.AddMark(host.MarkRule{
		Family: family(c.IPv6), In: c.In, Dst: c.Dst, Protocol: c.Protocol,
		HasDPort: c.HasDPort, DPort: c.DPort, Mark: c.Mark,
	})
}

// errNotEmulated is what a setting or module gets that would change what the
// emulated host does, and doesn't.
var errNotEmulated = errors.New("not emulated")

// ambient are the settings that the emulated host has as they are.
var ambient = map[string]string{
	"rp_filter": "0", "send_redirects": "0", "icmp_ratelimit": "0", "icmp.ratelimit": "0", "auto_flowlabels": "0",
	"accept_dad": "0", "dad_transmits": "0", "accept_ra": "0", "router_solicitations": "0", "addr_gen_mode": "1",
	"accept_redirects": "0",
}

// Sysctl implements setup.Machine.
func (m *machine) Sysctl(c setup.Sysctl) error {
	if name, ok := strings.CutPrefix(c.Key, "net.ipv4.vs."); ok {
		return about(m.dir.SetSetting(name, c.Value), c.Key)
	}
	forward := func(f packet.Family) error {
		if c.Value != "0" && c.Value != "1" {
			return about(host.ErrInvalid, c.Key)
		}
		m.host.SetForwarding(f, c.Value == "1")
		return nil
	}
	switch c.Key {
	case "net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding":
		return forward(packet.IPv4)
	case "net.ipv6.conf.all.forwarding":
		return forward(packet.IPv6)
	}
	for name, v := range ambient {
		if strings.HasPrefix(c.Key, "net.ipv") && strings.HasSuffix(c.Key, "."+name) && c.Value == v {
			return nil
		}
	}
	return fmt.Errorf("%s=%s: %w", c.Key, c.Value, errNotEmulated)
}

// LoadModule implements setup.Machine. What a director of its own has built in
// is there already.
func (m *machine) LoadModule(c setup.Module) error {
	switch name := strings.ReplaceAll(c.Name, "-", "_"); {
	case name == "ip_vs", name == "dummy", strings.HasPrefix(name, "ip_vs_"):
		return nil
	}
	return fmt.Errorf("module %s: %w", c.Name, errNotEmulated)
}

// IPVSAdm implements setup.Machine. The error is the first line that ipvsadm
// prints about it.
func (m *machine) IPVSAdm(c setup.IPVSAdm, out io.Writer) error {
	var complaint bytes.Buffer
	code := ipvsadm.Run(c.Args, ipvsadm.Env{
		Stdin: strings.NewReader(""), Stdout: out, Stderr: &complaint, Conn: m.conn,
	})
	if slices.ContainsFunc(c.Args, func(a string) bool { return strings.Count(a, ":") > 1 }) {
		m.defragIPv6()
	}
	if code == 0 {
		return nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
	if line == "" {
		line = fmt.Sprintf("ipvsadm: exit code %d", code)
	}
	return errors.New(line)
}

// defragIPv6 has IPv6 fragments put together once a service has a server with an
// IPv6 address, whatever the service's family. For services of IPv6 the host
// does so itself.
//
// Kernel: ip_vs_ctl.c, ip_vs_new_dest (6.1).
func (m *machine) defragIPv6() {
	m.dir.View(func(t *sched.Table) {
		for _, s := range t.Services() {
			for d := s.First(); d != nil; d = s.Next(d) {
				if d.Family == packet.IPv6 {
					m.host.EnableDefrag(packet.IPv6)
					return
				}
			}
		}
	})
}

// list runs a listing and returns its text in the form that recordings have:
// connections sorted.
func (m *machine) list(args ...string) string {
	var out bytes.Buffer
	c := setup.IPVSAdm{Args: args}
	if err := m.IPVSAdm(c, &out); err != nil {
		return err.Error() + "\n"
	}
	if listsConns(args) {
		return sortConns(out.String())
	}
	return out.String()
}

// listsConns reports whether a listing is of connections.
func listsConns(args []string) bool {
	for _, a := range args {
		if a == "--connection" || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "c") {
			return true
		}
	}
	return false
}

// sortConns sorts a listing of connections by all but the time of expiry,
// behind its two lines of heading. Templates may look alike; of connections
// that do, the last one stays, as in recordings, where the kernel may have
// listed one twice.
func sortConns(text string) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) <= 2 {
		return text
	}
	type entry struct {
		line string
		key  []string
	}
	var all []entry
	seen := map[string]int{}
	for _, l := range lines[2:] {
		f := strings.Fields(l)
		key := append(f[:min(1, len(f)):1], f[min(2, len(f)):]...)
		if len(f) > 3 && !strings.HasSuffix(f[3], ":0") {
			k := strings.Join(key, " ")
			if i, ok := seen[k]; ok {
				all[i].line = l
				continue
			}
			seen[k] = len(all)
		}
		all = append(all, entry{l, key})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return slices.Compare(a.key, b.key) })
	var s strings.Builder
	s.WriteString(lines[0])
	s.WriteString(lines[1])
	for _, e := range all {
		s.WriteString(e.line)
	}
	return s.String()
}
