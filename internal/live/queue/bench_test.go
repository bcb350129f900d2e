package queue_test

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/mmsg"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
	"goipvs/internal/live/rules"
	"goipvs/packet"
)

// drain is a way from a sender by a director, where packets are queued at
// FORWARD, to a receiver, which drops them at once.
type drain struct {
	director *nstest.NS
	sender   *net.UDPConn
	fd       int
}

const drainPort = 7

func newDrain(b *testing.B) *drain {
	from, director, to := nstest.New(b), nstest.New(b), nstest.New(b)
	nstest.Join(b, from, "eth0", director, "eth0")
	nstest.Join(b, to, "eth0", director, "eth1")
	from.Addr(b, "eth0", "10.0.0.2/24")
	director.Addr(b, "eth0", "10.0.0.1/24")
	director.Addr(b, "eth1", "10.0.1.1/24")
	to.Addr(b, "eth0", "10.0.1.2/24")
	from.Route(b, "default", "10.0.0.1")
	director.Sysctl(b, "net/ipv4/ip_forward", "1")
	d := &drain{director: director}
	to.Do(b, func() {
		if err := dropEarly(); err != nil {
			b.Error(err)
		}
	})
	director.Do(b, func() {
		t, err := rules.Open(rules.Config{Queue: 7, Queues: 1, Bit: bit})
		if err != nil {
			b.Error(err)
			return
		}
		b.Cleanup(func() { _ = t.Close() })
		i := rules.NewInterest()
		i.Replies[rules.Endpoint{Protocol: packet.ProtoUDP, Addr: packet.Addr{10, 0, 0, 2}, Port: drainPort}] = struct{}{}
		if err := t.Apply(map[packet.Family]*rules.Interest{packet.IPv4: i}, nil); err != nil {
			b.Error(err)
		}
	})
	from.Do(b, func() {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: drainPort}, &net.UDPAddr{IP: net.IPv4(10, 0, 1, 2), Port: 9})
		if err != nil {
			b.Error(err)
			return
		}
		d.sender = c
		b.Cleanup(func() { _ = c.Close() })
		rc, err := c.SyscallConn()
		if err == nil {
			err = rc.Control(func(fd uintptr) { d.fd = int(fd) })
		}
		if err != nil {
			b.Error(err)
		}
	})
	if b.Failed() {
		b.FailNow()
	}
	return d
}

// dropEarly drops what comes to this host before anything is done with it.
func dropEarly() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "drop"})
	ch := c.AddChain(&nftables.Chain{
		Table: t, Name: "prerouting", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return c.Flush()
}

// fill sends n datagrams of size octets of payload.
func (d *drain) fill(b *testing.B, n, size int) {
	const batch = 64
	m, iov, payload := make([]mmsg.Message, batch), unix.Iovec{}, make([]byte, size)
	iov.Base = &payload[0]
	iov.SetLen(size)
	for i := range m {
		m[i].Header.Iov = &iov
		m[i].Header.SetIovlen(1)
	}
	for n > 0 {
		sent, err := mmsg.Send(d.fd, m[:min(n, batch)])
		if err != nil {
			b.Fatal(err)
		}
		n -= sent
	}
}

// Drain is the cost of a packet to the side that takes it from the queue,
// decides and lets it go on: the queue is filled while nobody serves it, and
// then served. What the packet costs on its way out is in it.
func BenchmarkDrain(b *testing.B) {
	accept := func(_ *queue.Packet, v *queue.Verdict) { v.Action = queue.Accept }
	changed := func(p *queue.Packet, v *queue.Verdict) { *v = queue.Verdict{Action: queue.Accept, Payload: p.Data()} }
	drop := func(*queue.Packet, *queue.Verdict) {}
	for _, c := range []struct {
		name   string
		io     queue.IO
		size   int
		decide func(*queue.Packet, *queue.Verdict)
	}{
		{"accept/batch", queue.Batch, 18, accept},
		{"accept/nfqueue", queue.NFQueue, 18, accept},
		{"changed/batch", queue.Batch, 18, changed},
		{"changed/nfqueue", queue.NFQueue, 18, changed},
		{"drop/batch", queue.Batch, 18, drop},
		{"drop/nfqueue", queue.NFQueue, 18, drop},
		{"accept1400/batch", queue.Batch, 1400, accept},
		{"changed1400/batch", queue.Batch, 1400, changed},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDrain(b)
			var all cost
			for b.Loop() {
				b.StopTimer()
				all.add(d.once(b, c.io, c.size, c.decide))
				b.StartTimer()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(all.wall.Nanoseconds())/float64(all.packets), "ns/packet")
			b.ReportMetric(float64(all.cpu.Nanoseconds())/float64(all.packets), "cpu-ns/packet")
		})
	}
}

// once fills a queue, serves it, and adds up what that took.
func (d *drain) once(b *testing.B, io queue.IO, size int, decide func(*queue.Packet, *queue.Verdict)) (c cost) {
	var q queue.Queue
	d.director.Do(b, func() {
		var err error
		if q, err = queue.Listen(queue.Config{IO: io, Number: 7, MaxLen: 65536}); err != nil {
			b.Error(err)
		}
	})
	if q == nil {
		b.FailNow()
	}
	d.fill(b, 10000, size)
	c.packets = d.waiting(b)
	all, served := make(chan struct{}), make(chan error)
	left := c.packets
	before, start := cpu(b), time.Now()
	go func() {
		served <- q.Serve(func(batch []queue.Packet, verdicts []queue.Verdict) {
			for i := range batch {
				decide(&batch[i], &verdicts[i])
			}
			if left -= len(batch); left == 0 {
				close(all)
			}
		})
	}()
	<-all
	c.wall, c.cpu = time.Since(start), cpu(b)-before
	if err := q.Close(); err != nil {
		b.Error(err)
	}
	if err := <-served; err != nil {
		b.Error(err)
	}
	return c
}

// cost is what packets took.
type cost struct {
	packets   int
	wall, cpu time.Duration
}

func (c *cost) add(x cost) {
	c.packets, c.wall, c.cpu = c.packets+x.packets, c.wall+x.wall, c.cpu+x.cpu
}

// cpu is the processor time of the process so far.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// waiting is how many packets wait in the queue. What a busy machine dropped on
// its way isn't among them.
func (d *drain) waiting(b *testing.B) (n int) {
	d.director.Do(b, func() {
		text, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
		if err == nil {
			n, err = strconv.Atoi(strings.Fields(string(text))[2])
		}
		if err != nil || n == 0 {
			b.Errorf("%d packets wait, %v", n, err)
		}
	})
	if b.Failed() {
		b.FailNow()
	}
	return n
}
