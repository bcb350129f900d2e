package ipvsadm

import (
	"fmt"
	"strings"
	"time"

	"goipvs/internal/control"
	"goipvs/packet"
	"goipvs/sched"
)

// format says how a listing looks.
type format uint

const (
	fmtNumeric format = 1 << iota
	fmtRule           // as command lines
	fmtStats
	fmtRate
	fmtThresholds
	fmtPersistentConn
	fmtNoSort
	fmtExact
	fmtTunInfo
)

// failed is the end of a listing that the engine refused.
func failed(err error) error { return &exit{exitList, errorText(callGet, err) + "\n"} }

// list does the list command.
func (r *run) list(e *entry) error {
	switch {
	case e.opts&optConnection != 0:
		return r.listConns(e.format)
	case e.opts&optService != 0:
		return r.listService(e.key(), e.format)
	case e.opts&optTimeout != 0:
		return r.listTimeouts()
	case e.opts&optDaemon != 0:
		return r.listDaemons()
	}
	return r.listAll(e.format)
}

func (r *run) listService(k sched.ServiceKey, f format) error {
	s, err := r.c.Service(k)
	if err != nil {
		return failed(err)
	}
	r.printTitle(f)
	return r.printService(&s, f)
}

func (r *run) listAll(f format) error {
	if f&fmtRule == 0 {
		version, size, err := r.c.Info()
		if err != nil {
			return failed(err)
		}
		r.printf("IP Virtual Server version %d.%d.%d (size=%d)\n", version>>16&0xff, version>>8&0xff, version&0xff, size)
	}
	all, err := r.c.Services()
	if err != nil {
		return failed(err)
	}
	if f&fmtNoSort == 0 {
		mergeSort(all, compareServices)
	}
	r.printTitle(f)
	for i := range all {
		if err := r.printService(&all[i], f); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) listTimeouts() error {
	tcp, fin, udp, err := r.c.Timeouts()
	if err != nil {
		return &exit{code: exitList}
	}
	r.printf("Timeout (tcp tcpfin udp): %d %d %d\n", tcp/time.Second, fin/time.Second, udp/time.Second)
	return nil
}

func (r *run) listDaemons() error {
	all, err := r.c.Daemons()
	if err != nil {
		return &exit{code: exitList}
	}
	for _, d := range all {
		state := "master"
		if d.State&1 == 0 {
			state = "backup"
		}
		r.printf("%s sync daemon (mcast=%s, syncid=%d", state, d.Interface, int32(d.SyncID))
		if d.MaxLen != 0 {
			r.printf(", maxlen=%d", d.MaxLen)
		}
		if d.Group.IsValid() {
			r.printf(", group=%s", d.Group)
		}
		if d.Port != 0 {
			r.printf(", port=%d", d.Port)
		}
		if d.TTL != 0 {
			r.printf(", ttl=%d", d.TTL)
		}
		r.printf(")\n")
	}
	return nil
}

const (
	titleStats = "%-33s %8s %8s %8s %8s %8s\n  -> RemoteAddress:Port\n"
	titleLocal = "Prot LocalAddress:Port"
)

func (r *run) printTitle(f format) {
	switch {
	case f&fmtStats != 0:
		r.printf(titleStats, titleLocal, "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes")
	case f&fmtRate != 0:
		r.printf(titleStats, titleLocal, "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS")
	case f&fmtThresholds != 0:
		r.printf("%-33s %-10s %-10s %-10s %-10s\n  -> RemoteAddress:Port\n", titleLocal,
			"Uthreshold", "Lthreshold", "ActiveConn", "InActConn")
	case f&fmtPersistentConn != 0:
		r.printf("%-33s %-9s %-11s %-10s %-10s\n  -> RemoteAddress:Port\n", titleLocal,
			"Weight", "PersistConn", "ActiveConn", "InActConn")
	case f&fmtTunInfo != 0:
		r.printf("%s Scheduler Flags\n  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n", titleLocal)
	case f&fmtRule == 0:
		r.printf("%s Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n", titleLocal)
	}
}

// printService lists a service with its servers.
func (r *run) printService(s *control.Service, f format) error {
	dests, err := r.c.Dests(s.ServiceKey)
	if err != nil {
		return failed(err)
	}
	name := r.serviceName(s, f)
	switch {
	case f&fmtRule != 0:
		r.printServiceRule(name, s)
	case f&fmtStats != 0:
		r.printf("%-33s", name)
		r.printCounters(&s.Stats, f)
	case f&fmtRate != 0:
		r.printf("%-33s", name)
		r.printCounters(&s.Rates, f)
	default:
		r.printServiceLine(name, s)
	}
	r.printf("\n")
	if f&fmtNoSort == 0 {
		mergeSort(dests, compareDests)
	}
	for i := range dests {
		r.printDest(name, s.Protocol, &dests[i], f)
	}
	return nil
}

// serviceName returns what identifies a service in a listing. A firewall mark is
// printed as a signed number.
func (r *run) serviceName(s *control.Service, f format) string {
	rule := f&fmtRule != 0
	if s.FWMark != 0 {
		start, six := "FWM  ", " IPv6"
		if rule {
			start, six = "-f ", " -6"
		}
		if s.Family != packet.IPv6 {
			six = ""
		}
		return fmt.Sprintf("%s%d%s", start, int32(s.FWMark), six)
	}
	at := r.anyName(s.Family, s.Addr, s.Port, s.Protocol, f)
	if rule {
		opt := "--xxx-service"
		switch s.Protocol {
		case packet.ProtoTCP:
			opt = "-t"
		case packet.ProtoUDP:
			opt = "-u"
		case packet.ProtoSCTP:
			opt = "--sctp-service"
		}
		return opt + " " + at
	}
	proto := "?"
	switch s.Protocol {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		proto = packet.ProtoName(s.Protocol)
	}
	name := fmt.Sprintf("%-4s %s", proto, at)
	if s.Family != packet.IPv6 {
		name = cut(name, 33)
	}
	return name
}

// maxName is how much is kept of an address with its port.
const maxName = 59

// anyName prints an address and port, as names unless numbers are asked for.
func (r *run) anyName(fam packet.Family, a packet.Addr, port uint16, proto uint8, f format) string {
	var host, service string
	var named, known bool
	if f&fmtNumeric == 0 {
		host, named = r.names.Host(a.Netip(fam))
		service, known = r.names.Service(port, proto)
	}
	if !named {
		host = addrText(fam, a)
	}
	if !known {
		service = fmt.Sprint(port)
	}
	if fam == packet.IPv6 {
		host = "[" + host + "]"
	}
	return cut(host+":"+service, maxName)
}

func (r *run) printServiceLine(name string, s *control.Service) {
	r.printf("%s %s", name, s.Scheduler)
	if s.Flags&anySchedFlag != 0 {
		r.printf(" (%s)", schedFlagNames(s.Scheduler, s.Flags))
	}
	if s.Flags&sched.Persistent != 0 {
		r.printf(" persistent %d", s.Timeout)
		if mask, ok := maskText(&s.ServiceConfig); ok {
			r.printf(" mask %s", mask)
		}
		if s.PE != "" {
			r.printf(" pe %s", s.PE)
		}
	}
	if s.Flags&sched.OnePacket != 0 {
		r.printf(" ops")
	}
}

// maskText prints a netmask, unless it is the default.
func maskText(s *sched.ServiceConfig) (string, bool) {
	if s.Family == packet.IPv6 {
		return fmt.Sprint(int32(s.Netmask)), s.Netmask != 128
	}
	return packet.Addr4(s.Netmask).Netip(packet.IPv4).String(), s.Netmask != 1<<32-1
}

// printDest lists a server.
func (r *run) printDest(service string, proto uint8, d *control.Dest, f format) {
	name := r.anyName(d.Family, d.Addr, d.Port, proto, f)
	if f&fmtRule != 0 {
		r.printDestRule(service, name, d)
		return
	}
	if d.Family != packet.IPv6 {
		name = cut(name, 28)
	}
	r.printf("  -> %-28s", name)
	switch {
	case f&fmtStats != 0:
		r.printCounters(&d.Stats, f)
		r.printf("\n")
	case f&fmtRate != 0:
		r.printf(" %8d %8d %8d", d.Rates.Conns, d.Rates.InPkts, d.Rates.OutPkts)
		r.printf("%s%s\n", largeNumber(d.Rates.InBytes, f), largeNumber(d.Rates.OutBytes, f))
	case f&fmtThresholds != 0:
		r.printf(" %-10d %-10d %-10d %-10d\n", d.Upper, d.Lower, d.Active, d.Inactive)
	case f&fmtPersistentConn != 0:
		r.printf(" %-9d %-11d %-10d %-10d\n", uint32(d.Weight), d.Persist, d.Active, d.Inactive)
	case f&fmtTunInfo != 0:
		r.printf(" %-7s %-13s %-6d %-10d %-10d\n", forwardName(d.Forward), tunnelInfo(d), d.Weight, d.Active, d.Inactive)
	default:
		r.printf(" %-7s %-6d %-10d %-10d\n", forwardName(d.Forward), d.Weight, d.Active, d.Inactive)
	}
}

// forwardName is the method's name; methods that servers can't be given have
// none.
func forwardName(f sched.Forward) string {
	if f > sched.DRoute {
		return "(null)"
	}
	return f.String()
}

var (
	tunnelNames = [...]string{"ipip", "gue", "gre"}
	tunnelSums  = [...]string{"-c", "+c", "r+c"}
)

// tunnelInfo tells about a tunnel: "gue:6080:+c".
func tunnelInfo(d *control.Dest) string {
	if d.Forward != sched.Tunnel || int(d.TunType) >= len(tunnelNames) {
		return "n/a"
	}
	parts := []string{tunnelNames[d.TunType]}
	if d.TunType == sched.TunGUE {
		parts = append(parts, fmt.Sprint(d.TunPort))
	}
	if d.TunType != sched.TunIPIP {
		parts = append(parts, tunnelSums[min(int(d.TunFlags), len(tunnelSums)-1)])
	}
	return strings.Join(parts, ":")
}

func (r *run) printCounters(c *sched.Counters, f format) {
	for _, n := range []uint64{c.Conns, c.InPkts, c.OutPkts, c.InBytes, c.OutBytes} {
		r.printf("%s", largeNumber(n, f))
	}
}

// largeNumber prints a number in nine places, large ones in thousands (K),
// millions and so on unless the format wants them in full.
func largeNumber(n uint64, f format) string {
	switch {
	case f&fmtExact != 0:
		s := fmt.Sprint(n)
		return fmt.Sprintf("%*s", max(9, len(s)+1), s)
	case n < 100_000_000:
		return fmt.Sprintf("%9d", n)
	case n < 1_000_000_000:
		return fmt.Sprintf("%8dK", n/1000)
	case n < 100_000_000_000:
		return fmt.Sprintf("%8dM", n/1_000_000)
	case n < 100_000_000_000_000:
		return fmt.Sprintf("%8dG", n/1_000_000_000)
	}
	return fmt.Sprintf("%8dT", n/1_000_000_000_000)
}
