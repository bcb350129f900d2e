package live

import (
	"fmt"
	"slices"
	"strings"

	"goipvs/hooks"
	"goipvs/internal/live/onlooker"
	"goipvs/internal/live/rules"
	"goipvs/packet"
)

// Inject is how packets are sent on.
type Inject uint8

// The ways.
const (
	InjectAuto   Inject = iota // by packet socket where no rule could see the difference, else raw
	InjectRaw                  // by raw socket, through OUTPUT and POSTROUTING as IPVS does
	InjectPacket               // by packet socket, past them, wherever the neighbour is known
)

var injects = []string{InjectAuto: "auto", InjectRaw: "raw", InjectPacket: "packet"}

// String returns the way's name.
func (i Inject) String() string { return injects[i] }

// ParseInject returns the way of a name.
func ParseInject(name string) (Inject, error) {
	i := slices.Index(injects, name)
	if i < 0 {
		return 0, fmt.Errorf("%q: neither %s", name, strings.Join(injects, " nor "))
	}
	return Inject(i), nil
}

// look decides for both families how packets are sent on, and says so if that
// is new. It must be called from the daemon's network namespace.
func (d *daemon) look() {
	var v onlooker.View
	if d.Inject == InjectAuto {
		var err error
		if v, err = onlooker.Look(rules.Name, rules.Priority(hooks.Forward)); err != nil {
			for f := range v.Output {
				v.Output[f], v.Forward[f] = err.Error(), err.Error()
			}
		}
		// What the kernel tracks it must see.
		if !d.backend.untracked() {
			for f, any := range v.Any {
				if any != "" {
					v.Output[f] = any + ", while connections are tracked"
					v.Forward[f] = v.Output[f]
				}
			}
		}
	}
	for f := range d.direct {
		raw := d.Inject == InjectRaw || v.Output[f] != ""
		d.direct[f].Store(!raw)
		d.stack.forwardDirect[f].Store(!raw && v.Forward[f] == "")
	}
	if s := d.injectNews(&v); s != d.injects {
		d.injects = s
		d.Log(s)
	}
}

// injectNews says how packets are sent on, and why.
func (d *daemon) injectNews(v *onlooker.View) string {
	var all []string
	for f, name := range [...]string{packet.IPv4.String(), packet.IPv6.String()} {
		s := name + " by packet socket"
		switch {
		case !d.direct[f].Load():
			s = name + " by raw socket"
			if v.Output[f] != "" {
				s += " (" + v.Output[f] + ")"
			}
		case !d.stack.forwardDirect[f].Load():
			s += ", replies by the kernel (" + v.Forward[f] + ")"
		}
		all = append(all, s)
	}
	return "packets are sent on: " + strings.Join(all, "; ")
}
