package lab

import (
	"context"

	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// explain shows the way of a request, and of what else is worth telling,
// through the hooks: with the same setup on an emulated machine, where every
// decision can be told.
func (d *demo) explain(context.Context) error {
	r, said, err := d.plan.play(1)
	if err != nil {
		return err
	}
	d.tell(r, said)
	return nil
}

// tell shows the passages that have a heading.
func (d *demo) tell(r *director, said []saying) {
	for i, s := range said {
		if s.heading == "" {
			continue
		}
		d.printf("%s\n", s.heading)
		if err := trace.WriteText(d.out, r.passages[i].told, trace.Style{}); err != nil {
			return // nobody reads any more
		}
	}
}

// byReplay runs the scenario without any network: for machines that can't.
func (d *demo) byReplay() error {
	r, said, err := d.plan.play(0)
	if err != nil {
		return err
	}
	d.printf("Requests and what follows, replayed; what the director puts out:\n")
	for i, p := range r.passages {
		for _, o := range p.outputs {
			link := replay.LinkEthernet
			if o.to == replay.LocalName {
				link = replay.LinkRaw
			}
			d.printf("  %d  %s  %s\n", i+1, o.to, replay.Describe(o.data, link, 0))
		}
	}
	d.printf("\n")
	for _, args := range d.plan.Scenario.listings() {
		d.printf("director$ ipvsadm %s\n%s\n", args, r.listings["ipvsadm "+args])
	}
	d.tell(r, said)
	return nil
}
