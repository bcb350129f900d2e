package ipvsadm

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"goipvs/internal/control"
)

// Rules returns the command lines that make the services and servers that are
// there, in an order that leaves them in the order in which they are: the newest
// first. Unlike those of -S they have thresholds.
func Rules(conn control.Conn) ([]string, error) {
	c := control.NewClient(conn)
	services, err := c.Services()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range slices.Backward(services) {
		dests, err := c.Dests(s.ServiceKey)
		if err != nil {
			return nil, err
		}
		name := (&run{}).serviceName(&s, fmtRule|fmtNumeric)
		all = append(all, printed(func(r *run) { r.printServiceRule(name, &s) }))
		for _, d := range slices.Backward(dests) {
			rule := printed(func(r *run) {
				r.printDestRule(name, r.anyName(d.Family, d.Addr, d.Port, s.Protocol, fmtNumeric), &d)
			})
			if d.Upper != 0 || d.Lower != 0 {
				rule += fmt.Sprintf(" -x %d -y %d", d.Upper, d.Lower)
			}
			all = append(all, rule)
		}
	}
	return all, nil
}

// printed returns the line that f prints.
func printed(f func(*run)) string {
	var b strings.Builder
	r := &run{Env: Env{Stdout: &b}, out: bufio.NewWriter(&b)}
	f(r)
	_ = r.out.Flush() // a Builder takes everything
	return strings.TrimSpace(b.String())
}
