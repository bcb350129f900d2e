package sched

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"goipvs/packet"
)

// script is a director as the recordings under testdata drive it: their lines
// are its methods.
type script struct {
	table *Table
	last  ServiceKey // named last
	conns []scriptConn
	now   time.Duration
}

type scriptConn struct {
	dest     *Dest
	inactive bool
	brief    bool // ends at the next "wait"
}

// run executes a line, or says what is wrong with it or its outcome.
func (x *script) run(line string) error {
	x.now += 10 * time.Millisecond
	x.table.Advance(x.now)
	f := strings.Fields(line)
	switch f[0] {
	case "udp", "tcp", "brief":
		return x.connect(f)
	case "wait":
		x.wait()
		return nil
	case "counts":
		return x.counts(f)
	case "sysctl":
		x.table.Settings.LBLCRExpiration = int32(number(f[2]))
		return nil
	case "sleep":
		x.now += time.Duration(number(f[1])) * time.Second
		return nil
	}
	fail := false
	if f[len(f)-1] == "fails" {
		fail, f = true, f[:len(f)-1]
	}
	if err := x.ipvsadm(f); (err != nil) != fail {
		return fmt.Errorf("error %v", err)
	}
	return nil
}

// ipvsadm understands as much of ipvsadm's command line as the recordings use.
func (x *script) ipvsadm(f []string) error {
	c := ServiceConfig{Scheduler: "wlc"}
	d := DestConfig{Weight: 1, Forward: DRoute}
	args := f[1:]
	next := func() string {
		a := args[0]
		args = args[1:]
		return a
	}
	for len(args) > 0 {
		switch option := next(); option {
		case "-u":
			c.ServiceKey = testKey(packet.ProtoUDP, next())
		case "-t":
			c.ServiceKey = testKey(packet.ProtoTCP, next())
		case "-f":
			c.ServiceKey = ServiceKey{Family: packet.IPv4, FWMark: number(next())}
		case "-s":
			c.Scheduler = next()
		case "-b":
			for name := range strings.SplitSeq(next(), ",") {
				c.Flags |= schedFlags[name]
			}
		case "-r":
			d.DestKey = testDest(next())
		case "-m":
			d.Forward = Masq
		case "-w":
			d.Weight = int32(number(next()))
		case "-x":
			d.Upper = number(next())
		case "-y":
			d.Lower = number(next())
		default:
			return fmt.Errorf("unknown option %s", option)
		}
	}
	if c.Netmask = 0xffffffff; c.Family == packet.IPv6 {
		c.Netmask = 128
	}
	x.last = c.ServiceKey
	switch f[0] {
	case "-A":
		_, err := x.table.AddService(c)
		return err
	case "-E":
		return x.table.EditService(c)
	case "-D":
		return x.table.DelService(c.ServiceKey)
	case "-a":
		return x.table.AddDest(c.ServiceKey, d)
	case "-e":
		return x.table.EditDest(c.ServiceKey, d)
	case "-d":
		return x.table.DelDest(c.ServiceKey, d.DestKey)
	}
	return fmt.Errorf("unknown command %s", f[0])
}

// connect makes a connection and compares its server: kind, client, virtual,
// perhaps "mark" and it, "=", server.
func (x *script) connect(f []string) error {
	kind, wanted := f[0], f[len(f)-1]
	mark := uint32(0)
	if f[3] == "mark" {
		mark = number(f[4])
	}
	r := Request{Protocol: packet.ProtoUDP, Now: x.now}
	if kind == "tcp" {
		r.Protocol = packet.ProtoTCP
	}
	var family packet.Family
	r.Src, family, r.SrcPort = testAddrPort(f[1])
	r.Dst, _, r.DstPort = testAddrPort(f[2])
	s := x.table.Find(family, mark, r.Protocol, r.Dst, r.DstPort)
	if s == nil {
		return fmt.Errorf("no service")
	}
	x.last = s.ServiceKey
	got := "none"
	if d := s.Schedule(&r); d != nil {
		got = d.String()
		d.Bind(false, kind != "tcp")
		x.conns = append(x.conns, scriptConn{d, kind != "tcp", kind == "brief"})
	}
	if got != wanted {
		return fmt.Errorf("chose %s", got)
	}
	return nil
}

// wait lets the brief connections expire.
func (x *script) wait() {
	x.conns = slices.DeleteFunc(x.conns, func(c scriptConn) bool {
		if c.brief {
			c.dest.Unbind(false, c.inactive)
		}
		return c.brief
	})
}

func (x *script) counts(f []string) error {
	d := x.table.Lookup(x.last).Dest(testDest(f[1]))
	if d == nil {
		return fmt.Errorf("no such server")
	}
	if a, i := d.Active.Load(), d.InactiveConns(); uint32(a) != number(f[2]) || uint32(i) != number(f[3]) {
		return fmt.Errorf("counts %d %d", a, i)
	}
	return nil
}

var schedFlags = map[string]ServiceFlags{
	"sh-fallback": Sched1, "sh-port": Sched2,
	"mh-fallback": Sched1, "mh-port": Sched2,
}

// number panics where the recordings, which are ours, are broken.
func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		panic(err)
	}
	return uint32(n)
}

// TestRecorded replays what the real kernel chose.
//
// Features: SC1, SC2, SC3, SC4, SC5, SC6, SC7, SC8, SC9, SC10, SC11, SC12, SC13.
func TestRecorded(t *testing.T) {
	for _, file := range []string{"vectors-6.1.192.txt", "scripts-6.1.192.txt"} {
		b, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		head, sections, _ := strings.Cut(string(b), "\n== ")
		n := strings.Count(head, "\n") + 2
		for section := range strings.SplitSeq(sections, "\n== ") {
			name, lines, _ := strings.Cut(section, "\n")
			t.Run(name, func(t *testing.T) {
				x := &script{table: NewTable()}
				at, bad := n, 0
				for line := range strings.Lines(lines) {
					at++
					if line = strings.TrimSpace(line); line == "" {
						continue
					}
					if err := x.run(line); err != nil {
						t.Errorf("%s:%d: %s: %v", file, at, line, err)
						if bad++; bad > 3 {
							return // the rest only follows
						}
					}
				}
			})
			n += strings.Count(section, "\n") + 1
		}
	}
}
