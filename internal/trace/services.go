package trace

import (
	"fmt"
	"math/bits"
	"net/netip"
	"reflect"

	"goipvs/packet"
	"goipvs/sched"
)

// ServicesOf tells of all services of a table, in the order of listings. Nothing
// may change meanwhile (hooks.Director.View).
func ServicesOf(t *sched.Table) []Service {
	t.Fold()
	var all []Service
	for _, s := range t.Services() {
		all = append(all, serviceOf(s))
	}
	return all
}

func serviceOf(s *sched.Service) Service {
	x := Service{Key: s.ServiceKey.String(), Scheduler: s.Scheduler, PE: s.PE, Flags: serviceFlags(s), Stats: statsOf(&s.Stats)}
	if s.Flags&sched.Persistent != 0 {
		x.Timeout = s.Timeout
		x.Netmask = netmask(s)
	}
	for d := s.First(); d != nil; d = s.Next(d) {
		x.Servers = append(x.Servers, serverOf(d))
	}
	return x
}

// serviceFlags names a service's flags as ipvsadm does.
func serviceFlags(s *sched.Service) (names []string) {
	if s.Flags&sched.Persistent != 0 {
		names = append(names, "persistent")
	}
	if s.Flags&sched.OnePacket != 0 {
		names = append(names, "ops")
	}
	for i, f := range []sched.ServiceFlags{sched.Sched1, sched.Sched2, sched.Sched3} {
		if s.Flags&f == 0 {
			continue
		}
		n := fmt.Sprintf("flag-%d", i+1)
		if (s.Scheduler == "sh" || s.Scheduler == "mh") && i < 2 {
			n = s.Scheduler + [...]string{"-fallback", "-port"}[i]
		}
		names = append(names, n)
	}
	return names
}

func netmask(s *sched.Service) string {
	if s.Family == packet.IPv6 {
		if s.Netmask == 128 {
			return ""
		}
		return fmt.Sprintf("/%d", s.Netmask)
	}
	if s.Netmask == 0xffffffff {
		return ""
	}
	if n := bits.LeadingZeros32(^s.Netmask); s.Netmask<<n == 0 {
		return fmt.Sprintf("/%d", n)
	}
	m := s.Netmask
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
}

func serverOf(d *sched.Dest) Server {
	x := Server{
		Address: d.DestKey.String(), Forward: d.Forward.String(), Weight: d.Weight,
		Upper: d.Upper, Lower: d.Lower, Overloaded: d.Overloaded(),
		Active: d.Active.Load(), Inactive: d.InactiveConns(), Persistent: d.Persist.Load(),
		Stats: statsOf(&d.Stats),
	}
	if d.Forward == sched.Tunnel {
		x.Tunnel = [...]string{sched.TunIPIP: "ipip", sched.TunGUE: "gue", sched.TunGRE: "gre"}[d.TunType]
	}
	return x
}

func statsOf(s *sched.Stats) Stats {
	c := s.Counted()
	return Stats{c.Conns, c.InPkts, c.OutPkts, c.InBytes, c.OutBytes}
}

// Update tells in a passage which services are other now than before, and which
// are gone; of a command also in words.
func Update(g *Passage, before, now []Service) {
	g.Services, g.Gone = changed(before, now)
	if g.Type == "command" {
		g.Effects = effects(before, now)
	}
}

// Since returns what changed of services; nil: nothing.
func Since(before, now []Service) *Services {
	s := &Services{Type: "services"}
	s.Services, s.Gone = changed(before, now)
	if len(s.Services) == 0 && len(s.Gone) == 0 {
		return nil
	}
	return s
}

// changed returns those of now that are other than before, and the keys of
// those that are gone.
func changed(before, now []Service) (changed []Service, gone []string) {
	old := make(map[string]*Service, len(before))
	for i := range before {
		old[before[i].Key] = &before[i]
	}
	for i := range now {
		if o := old[now[i].Key]; o == nil || !reflect.DeepEqual(o, &now[i]) {
			changed = append(changed, now[i])
		}
		delete(old, now[i].Key)
	}
	for i := range before {
		if old[before[i].Key] != nil {
			gone = append(gone, before[i].Key)
		}
	}
	return changed, gone
}
