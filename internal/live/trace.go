package live

import (
	"goipvs/internal/control"
	"goipvs/internal/filter"
	"goipvs/internal/live/tap"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/sched"
)

var _ control.Tracer = (*backend)(nil)

// Trace implements control.Tracer.
func (b *backend) Trace(q control.TraceRequest, send func(line []byte) error) error {
	o := tap.Options{Packets: int(q.Packets), Services: q.Services}
	if q.Filter != "" {
		f, err := filter.Parse(q.Filter)
		if err != nil {
			return err
		}
		o.Filter = f
	}
	return b.tap.Trace(o, send)
}

// describe says in a trace's first line what the director is.
func (d *daemon) describe(s *trace.Start) {
	s.Kernel = d.Kernel.String()
	names, _ := d.routes.Names() // without, packets have theirs
	for _, name := range names {
		s.Interfaces = append(s.Interfaces, trace.Device{Name: name, Link: "raw"})
	}
	d.lines.Lock()
	for _, l := range d.Setup {
		s.Setup = append(s.Setup, l.Text)
	}
	d.lines.Unlock()
	d.backend.View(func(t *sched.Table) { s.Services = trace.ServicesOf(t) })
}

// maxLooked is how many services are looked at each second for a tracer. No packet
// is handled meanwhile.
const maxLooked = 100

// services are the services as they are, if they are few.
func (d *daemon) services() (all []trace.Service) {
	d.backend.View(func(t *sched.Table) {
		if t.NumServices(packet.IPv4)+t.NumServices(packet.IPv6) <= maxLooked {
			all = trace.ServicesOf(t)
		}
	})
	return all
}
