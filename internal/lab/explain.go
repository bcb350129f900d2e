package lab

import (
	"context"

	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// explain shows a request's way through the hooks, and its reply's where that
// comes back through the director: with the same setup on an emulated machine,
// where every decision can be told.
func (d *demo) explain(context.Context) error {
	inputs := []input{d.plan.request(0)}
	r, err := replayDirector(d.plan, inputs)
	if err != nil {
		return err
	}
	for _, o := range r.passages[0].outputs {
		if reply, ok := d.plan.replyTo(o); ok {
			if r, err = replayDirector(d.plan, append(inputs, reply)); err != nil {
				return err
			}
		}
	}
	d.printf("A request's first packet on its way through the hooks, step by step:\n")
	d.passage(r.passages[0])
	if len(r.passages) > 1 {
		d.printf("And the reply's:\n")
		d.passage(r.passages[1])
	}
	return nil
}

func (d *demo) passage(p passage) {
	if err := trace.WriteText(d.out, p.steps); err != nil {
		return // nobody reads any more
	}
	d.printf("\n")
}

// byReplay runs the scenario without any network: for machines that can't.
func (d *demo) byReplay() error {
	var inputs []input
	for i := range requests {
		inputs = append(inputs, d.plan.request(i))
	}
	r, err := replayDirector(d.plan, inputs)
	if err != nil {
		return err
	}
	d.printf("%d requests, replayed:\n", requests)
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
	for _, command := range []string{"ipvsadm -Ln", "ipvsadm -Lnc", "ipvsadm -Ln --stats --exact"} {
		d.printf("director$ %s\n%s\n", command, r.listings[command])
	}
	return d.explain(context.Background())
}
