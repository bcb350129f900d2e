package live_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goipvs/internal/live"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
)

// Super-packets, whose checksums are yet to be completed, there and back: who
// receives them verifies every checksum, since nothing on the director's links
// is left to network cards.
func TestSuperPackets(t *testing.T) {
	for _, c := range []struct {
		name, method string
		inject       live.Inject
		io           queue.IO
		offload      bool // on the director's links, too: then super-packets leave whole
		whole        bool // some leave the director whole
	}{
		{"NAT, cut for a raw socket and by the kernel", "-m", live.InjectRaw, queue.Batch, false, false},
		{"NAT by packet socket", "-m", live.InjectAuto, queue.Batch, false, false},
		{"NAT by packet socket, whole", "-m", live.InjectAuto, queue.Batch, true, true},
		{"NAT by go-nfqueue", "-m", live.InjectAuto, queue.NFQueue, true, false},
		{"DR, cut for a raw socket", "-g", live.InjectRaw, queue.Batch, false, false},
		{"DR by packet socket, whole", "-g", live.InjectAuto, queue.Batch, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			if c.method == "-m" {
				n.behind(t)
			} else {
				n.beside(t)
			}
			n.client.Offload(t, "eth0")
			for _, s := range n.servers {
				s.Offload(t, "eth0")
			}
			n.lan.Offload(t)
			if c.offload {
				n.director.Offload(t, "eth0")
				n.director.Offload(t, "eth1")
			}
			o := live.Options{Socket: filepath.Join(t.TempDir(), "sock"), Inject: c.inject, IO: c.io}
			if _, err := tryRun(t, n.director, o, services(c.method)); err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 1<<17)
			rand.Read(data)
			s := hex.EncodeToString(data)
			for _, vip := range []string{vip4, vip6} {
				left := n.director.Capture(t, "eth1")
				if got := ask(t, n.client, "tcp", hostPort(vip, "80"), s); got != "s2 "+s {
					t.Errorf("%s: %d octets of %d: %.60s", family(vip), len(got), len(s), got)
				}
				client := map[string]string{vip4: "198.51.100.2", vip6: "2001:db8:c::2"}[vip]
				if n := largest(t, left, netip.MustParseAddr(client).AsSlice()); (n > 1500) != c.whole {
					t.Errorf("%s: the largest packet that left was of %d octets", family(vip), n)
				}
			}
			for name, ns := range map[string]*nstest.NS{"client": n.client, "s1": n.servers[0], "s2": n.servers[1], "director": n.director} {
				if bad := checksumErrors(t, ns); bad != "0" {
					t.Errorf("%s: %s wrong checksums", name, bad)
				}
			}
		})
	}
}

// largest is the length of the largest datagram of a source's that was captured.
func largest(t *testing.T, c *nstest.Capture, src []byte) (n int) {
	for b := c.TryPacket(t); b != nil; b = c.TryPacket(t) {
		if at := map[int]int{4: 12, 16: 8}[len(src)]; len(b) > at && bytes.HasPrefix(b[at:], src) {
			n = max(n, len(b))
		}
	}
	return n
}

// checksumErrors is how many segments of TCP a host got with a wrong checksum.
func checksumErrors(t *testing.T, ns *nstest.NS) (n string) {
	ns.Do(t, func() {
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			t.Error(err)
		}
		var names []string
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if f[0] != "Tcp:" {
				continue
			}
			if names == nil {
				names = f
				continue
			}
			for i, name := range names {
				if name == "InCsumErrors" {
					n = f[i]
				}
			}
		}
	})
	return n
}
