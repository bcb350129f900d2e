package ipvsadm

import (
	"goipvs/internal/control"
	"goipvs/sched"
)

// printServiceRule prints the command line that adds a service.
func (r *run) printServiceRule(name string, s *control.Service) {
	r.printf("-A %s -s %s", name, s.Scheduler)
	if s.Flags&sched.Persistent != 0 {
		r.printf(" -p %d", s.Timeout)
		if mask, ok := maskText(&s.ServiceConfig); ok {
			r.printf(" -M %s", mask)
		}
	}
	if s.PE != "" {
		r.printf(" --pe %s", s.PE)
	}
	if s.Flags&sched.OnePacket != 0 {
		r.printf(" -o")
	}
	if s.Flags&anySchedFlag != 0 {
		r.printf(" -b %s", schedFlagNames(s.Scheduler, s.Flags))
	}
}

// tunnelSumOptions are the options for tunnels' checksums.
var tunnelSumOptions = [...]string{"--tun-nocsum", "--tun-csum", "--tun-remcsum"}

// printDestRule prints the command line that adds a server. Thresholds are lost,
// as in the real one.
func (r *run) printDestRule(service, name string, d *control.Dest) {
	method := "(null)"
	switch d.Forward {
	case sched.Masq:
		method = "-m"
	case sched.Tunnel:
		method = "-i"
	case sched.LocalNode, sched.DRoute:
		method = "-g"
	}
	r.printf("-a %s -r %s %s -w %d", service, name, method, d.Weight)
	if d.Forward == sched.Tunnel && int(d.TunType) < len(tunnelNames) {
		r.printf(" --tun-type %s", tunnelNames[d.TunType])
		if d.TunType == sched.TunGUE {
			r.printf(" --tun-port %d", d.TunPort)
		}
		if d.TunType != sched.TunIPIP {
			r.printf(" %s", tunnelSumOptions[min(int(d.TunFlags), len(tunnelSumOptions)-1)])
		}
	}
	r.printf("\n")
}
