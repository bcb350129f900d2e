package live_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/control"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
	"goipvs/packet"
)

// The same traffic through both ways of taking packets from queues: the same
// frames arrive at the servers and at the client, and the verdicts are the same.
func TestQueuesCompare(t *testing.T) {
	var frames, verdicts [2][]string
	for i, io := range []queue.IO{queue.Batch, queue.NFQueue} {
		t.Run(io.String(), func(t *testing.T) { frames[i], verdicts[i] = conversation(t, io) })
	}
	if t.Failed() {
		return
	}
	if d := cmp.Diff(frames[1], frames[0]); d != "" {
		t.Errorf("frames (-nfqueue +batch):\n%s", d)
	}
	if d := cmp.Diff(verdicts[1], verdicts[0]); d != "" {
		t.Errorf("verdicts (-nfqueue +batch):\n%s", d)
	}
}

// conversation has a client talk to services, one datagram after the other, and
// returns what arrived, and how many packets of each hook had each verdict.
func conversation(t *testing.T, io queue.IO) (frames, verdicts []string) {
	n := newNetwork(t)
	n.behind(t)
	d := run(t, n.director, services("-m")+"ipvsadm -A -u 203.0.113.10:81 -s rr\n", io)
	hosts := []*nstest.NS{n.client, n.servers[0], n.servers[1]}
	var captures []*nstest.Capture
	for _, h := range hosts {
		captures = append(captures, h.Capture(t, "eth0"))
	}
	port := 4000
	for _, vip := range []string{vip4, vip6} {
		for _, size := range []int{0, 1, 100, 1472, 3000} {
			port++
			c := n.bound(t, port, hostPort(vip, "80"))
			if got := say(c, strings.Repeat("x", size)); !strings.HasSuffix(got, strings.Repeat("x", size)) || got == "" {
				t.Errorf("%s: %.40s", vip, got)
			}
			c.Close()
		}
	}
	c := n.bound(t, 3999, hostPort(vip4, "81")) // no server
	if got := say(c, "x"); !strings.HasSuffix(got, "connection refused") {
		t.Error(got)
	}
	c.Close()
	for i, c := range captures {
		for b := c.TryPacket(t); b != nil; b = c.TryPacket(t) {
			if s := frame(b); s != "" {
				frames = append(frames, fmt.Sprintf("%s: %s", []string{"client", "s1", "s2"}[i], s))
			}
		}
	}
	slices.Sort(frames)
	conn, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	counts, err := control.NewClient(conn).Counts()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]uint64{}
	for _, x := range counts {
		if strings.HasPrefix(x.Name, "packets/") || strings.HasPrefix(x.Name, "verdict/") {
			all[x.Name] = x.N
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		verdicts = append(verdicts, fmt.Sprint(name, " ", all[name]))
	}
	return frames, verdicts
}

// bound is a UDP socket of the client's, with a port that it has each time.
func (n *network) bound(t *testing.T, port int, to string) (c net.Conn) {
	var err error
	n.client.Do(t, func() { c, err = (&net.Dialer{LocalAddr: &net.UDPAddr{Port: port}}).Dial("udp", to) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// frame is a datagram of UDP or a fragment of one, in hex and without what
// differs each time, identification and flow label; "" for others.
func frame(b []byte) string {
	f := packet.Family(b[0] >> 4)
	var h packet.Header
	if (f != packet.IPv4 && f != packet.IPv6) || !packet.ParseHeader(f, b, 0, &h) || h.Protocol != packet.ProtoUDP {
		return ""
	}
	if f == packet.IPv4 {
		binary.BigEndian.PutUint32(b[4:], uint32(binary.BigEndian.Uint16(b[6:])))
		binary.BigEndian.PutUint16(b[10:], 0)
	} else {
		binary.BigEndian.PutUint32(b, 6<<28)
		if b[6] == packet.ExtFragment && len(b) >= 48 {
			binary.BigEndian.PutUint32(b[44:], 0)
		}
	}
	return fmt.Sprintf("%.120x (%d octets)", b, len(b))
}
