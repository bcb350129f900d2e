package trace

import (
	"fmt"
	"strings"
)

// effects tells in words what a command changed.
func effects(before, now []Service) (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for i := range now {
		s := &now[i]
		o := byKey(before, s.Key)
		if o == nil {
			say("service %s added, scheduler %s", s.Key, s.Scheduler)
			o = &Service{Scheduler: s.Scheduler, Flags: s.Flags, Timeout: s.Timeout, Netmask: s.Netmask, PE: s.PE}
		}
		for _, x := range [][3]string{
			{"scheduler", o.Scheduler, s.Scheduler}, {"flags", strings.Join(o.Flags, " "), strings.Join(s.Flags, " ")},
			{"persistence", seconds(o.Timeout), seconds(s.Timeout)}, {"netmask", o.Netmask, s.Netmask}, {"persistence engine", o.PE, s.PE},
		} {
			if x[1] != x[2] {
				say("service %s: %s %s → %s", s.Key, x[0], short(x[1]), short(x[2]))
			}
		}
		serverEffects(s.Key, o.Servers, s.Servers, say)
	}
	for i := range before {
		if byKey(now, before[i].Key) == nil {
			say("service %s deleted, with %d servers", before[i].Key, len(before[i].Servers))
		}
	}
	return all
}

// serverEffects tells what changed among a service's servers.
func serverEffects(key string, before, now []Server, say func(string, ...any)) {
	for i := range now {
		d := &now[i]
		o := byAddress(before, d.Address)
		if o == nil {
			say("server %s of %s added, %s, weight %d", d.Address, key, d.Forward, d.Weight)
			continue
		}
		for _, x := range [][3]string{
			{"weight", fmt.Sprint(o.Weight), fmt.Sprint(d.Weight)}, {"method", o.Forward + " " + o.Tunnel, d.Forward + " " + d.Tunnel},
			{"upper threshold", fmt.Sprint(o.Upper), fmt.Sprint(d.Upper)}, {"lower threshold", fmt.Sprint(o.Lower), fmt.Sprint(d.Lower)},
		} {
			if x[1] != x[2] {
				say("server %s of %s: %s %s → %s", d.Address, key, x[0], strings.TrimSpace(x[1]), strings.TrimSpace(x[2]))
			}
		}
	}
	for i := range before {
		if d := &before[i]; byAddress(now, d.Address) == nil {
			say("server %s of %s deleted: %d active and %d inactive connections", d.Address, key, d.Active, d.Inactive)
		}
	}
}

func seconds(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d s", n)
}

func byKey(all []Service, key string) *Service {
	for i := range all {
		if all[i].Key == key {
			return &all[i]
		}
	}
	return nil
}

func byAddress(all []Server, address string) *Server {
	for i := range all {
		if all[i].Address == address {
			return &all[i]
		}
	}
	return nil
}
