package replay

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goipvs/internal/setup"
)

// everything is a director with a service of each kind.
const everything = `
ip link set eth0 address 02:00:00:00:00:01 up
ip link set eth1 address 02:00:00:00:01:01 mtu 1400 up
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth1
ip -6 addr add 2001:db8:a::1/64 dev eth0 nodad
ip -6 addr add 2001:db8:1::1/64 dev eth1 nodad
ip addr add 203.0.113.10/32 dev eth0
ip addr add 2001:db8:f::10/128 dev eth0
ip route add default via 192.0.2.254
ip -6 route add default via 2001:db8:a::fe dev eth0
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 2001:db8:a::fe lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1
ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1
ip neigh add 2001:db8:1::b lladdr 02:00:00:00:01:0b dev eth1
ip neigh add 2001:db8:1::c lladdr 02:00:00:00:01:0c dev eth1
sysctl -w net.ipv4.ip_forward=1
sysctl -w net.ipv6.conf.all.forwarding=1
sysctl -w net.ipv4.vs.schedule_icmp=1
sysctl -w net.ipv4.vs.nat_icmp_send=1
sysctl -w net.ipv4.vs.sloppy_tcp=1
sysctl -w net.ipv4.vs.conntrack=1
sysctl -w net.ipv4.vs.expire_nodest_conn=1
modprobe ip_vs_ftp
iptables -t mangle -A PREROUTING -d 203.0.113.10 -p tcp -m tcp --dport 443 -j MARK --set-mark 1
-A -t 203.0.113.10:80 -s wlc
-a -t 203.0.113.10:80 -r 10.1.0.11:8080 -m
-a -t 203.0.113.10:80 -r 10.1.0.12 -g
-A -t 203.0.113.10:21 -s rr
-a -t 203.0.113.10:21 -r 10.1.0.11:21 -m
-A -u 203.0.113.10:53 -s sh -b sh-port
-a -u 203.0.113.10:53 -r 10.1.0.11 -i
-a -u 203.0.113.10:53 -r 10.1.0.12 -i --tun-type gue --tun-port 6080 --tun-csum
-A -u 203.0.113.10:5060 -s mh --pe sip -p 60 -o
-a -u 203.0.113.10:5060 -r 10.1.0.11:5060 -m
-A --sctp-service 203.0.113.10:9000 -s lblcr
-a --sctp-service 203.0.113.10:9000 -r 10.1.0.11:9001 -m
-A -f 1 -s dh -p 30
-a -f 1 -r 10.1.0.12 -i --tun-type gre --tun-csum
-A -t [2001:db8:f::10]:80 -s rr
-a -t [2001:db8:f::10]:80 -r [2001:db8:1::b]:8080 -m
-a -t [2001:db8:f::10]:80 -r 10.1.0.11 -i
-A -u [2001:db8:f::10]:53 -s lc -p 60
-a -u [2001:db8:f::10]:53 -r [2001:db8:1::b]:53 -m
-a -u [2001:db8:f::10]:53 -r [2001:db8:1::c]:53 -g
`

// FuzzRun has a director of everything get any frames, at any times, of
// clients, servers and itself: it stays whole, and so does its output.
//
// The input is a row of frames: an octet for the interface, one for the tenths of
// a second since the last, two for the length.
func FuzzRun(f *testing.F) {
	for _, name := range []string{"ftp-port", "persist-sip-ops-same-client", "tun-icmp-back", "v6-tun", "v6-frags", "robust-fragment-df", "state-sctp-persist", "icmp-client-errors-nat", "tun-gue-csum"} {
		b, err := os.ReadFile(filepath.Join(corpus, name, InFile))
		if err != nil {
			f.Fatal(err)
		}
		_, frames, err := readAll(b)
		if err != nil {
			f.Fatal(err)
		}
		var row []byte
		for _, x := range frames[:min(len(frames), 5)] {
			row = append(row, byte(x.If), 1, byte(len(x.Data)>>8), byte(len(x.Data)))
			row = append(row, x.Data...)
		}
		f.Add(row)
	}
	lines, err := setup.Parse("setup.sh", strings.NewReader(everything))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		var frames []kept
		var now time.Duration
		for len(row) >= 4 {
			n := int(row[2])<<8 | int(row[3])
			now += time.Duration(row[1]) * 100
			i, data := int(row[0])%3, bytes.Clone(upto(row, 4, 4+n))
			if i == 2 && len(data) >= 40 && data[0]>>4 == 6 {
				binary.BigEndian.PutUint16(data[4:], uint16(len(data)-40)) // of an IPv6 header nobody checks what a process says
			}
			frames = append(frames, kept{If: i, Time: now, Data: string(data)})
			row = upto(row, 4+n, len(row))
		}
		c := captureOf([]CaptureIf{{"eth0", LinkEthernet}, {"eth1", LinkEthernet}, {"local", LinkRaw}}, frames...)
		o := &output{t: t}
		if _, err := Run(Config{Setup: lines, Capture: c, End: now * time.Millisecond}, o); err != nil {
			t.Fatal(err)
		}
	})
}

// output is an Observer that checks that what leaves the host is whole.
type output struct {
	discard
	t *testing.T
}

func (o *output) Interface(int, CaptureIf) {}
func (o *output) Input(*Frame, int)        {}

func (o *output) Output(iface int, _ time.Duration, frame []byte) {
	b, mtu := frame, 1<<16
	if iface < 2 {
		b, mtu = upto(frame, sizeEthernet, len(frame)), []int{1500, 1400}[iface]
	}
	d := dissect(b)
	if d.v == 0 || d.ip == wrong || len(b) > mtu || d.v == 4 && d.length != len(b) || d.v == 6 && d.length+40 != len(b) {
		o.t.Errorf("interface %d: %s", iface, Describe(b, LinkRaw, 0))
	}
}
