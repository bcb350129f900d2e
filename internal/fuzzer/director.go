package fuzzer

import (
	"fmt"
	"net/netip"
	"strconv"
)

// director is what a case's director is told before traffic starts.
type director struct {
	dice
	feat     Features
	oneArm   bool
	families []family
	mtu      [2]int
	vips     []netip.Addr
	services []*service
	beyond   bool // there are servers behind the router on eth1
	nowhere  bool // and such that nobody can reach
	gue      uint16
	expiry   bool // timeouts are short, and traffic comes in bursts
	lines    []string
}

// servers is how many servers the network has.
const servers = 5

func (d *director) say(format string, a ...any) { d.lines = append(d.lines, fmt.Sprintf(format, a...)) }

// newDirector draws a director.
func newDirector(d dice, f Features) *director {
	r := &director{dice: d, feat: f}
	both := f.has(V4|V6) && d.in(25)
	if f.has(V4) && (both || !f.has(V6) || d.in(60)) {
		r.families = append(r.families, 0)
	}
	if f.has(V6) && (both || len(r.families) == 0) {
		r.families = append(r.families, 1)
	}
	r.expiry = f.has(Expiry) && d.in(40)
	r.oneArm = f.has(Routes) && d.in(8)
	r.beyond = f.has(Routes) && !r.oneArm && d.in(25)
	r.nowhere = f.has(Routes) && !r.oneArm && d.in(15)
	r.links()
	for _, f := range r.families {
		r.network(f)
	}
	r.virtuals()
	r.settings()
	if f.has(FTP) {
		r.say("modprobe ip_vs_ftp")
	}
	r.marks()
	r.drawServices()
	return r
}

// links makes the interfaces.
func (d *director) links() {
	for i := range d.arms() {
		d.say("ip link set eth%d address %s", i, ownMAC(i))
		d.mtu[i] = 1500
		if d.feat.has(SmallMTU) && d.in(20) {
			d.mtu[i] = pick(d.dice, []int{600, 1000, 1280, 1300, 1400, 1492, 9000})
			if d.families[len(d.families)-1].v6() {
				d.mtu[i] = max(d.mtu[i], 1280)
			}
			d.say("ip link set eth%d mtu %d", i, d.mtu[i])
		}
	}
}

func (d *director) arms() int {
	if d.oneArm {
		return 1
	}
	return 2
}

// serverIf is the interface that servers are on.
func (d *director) serverIf() string {
	if d.oneArm {
		return outside
	}
	return inside
}

// network says addresses, routes and neighbours of a family.
func (d *director) network(f family) {
	ip, suffix, bits := "ip", "", 24
	if f.v6() {
		ip, suffix, bits = "ip -6", " nodad", 64
	}
	d.say("%s addr add %s/%d dev eth0%s", ip, ownOutside[f], bits, suffix)
	if d.oneArm {
		// Servers are at home on eth0 then, too.
		d.say("%s addr add %s/%d dev eth0%s", ip, ownInside[f], bits, suffix)
	} else {
		d.say("%s addr add %s/%d dev eth1%s", ip, ownInside[f], bits, suffix)
	}
	for i := range d.arms() {
		d.say("ip link set eth%d up", i)
	}
	gateway, inner := gateway4, router4
	if f.v6() {
		gateway, inner = gateway6, router6
		d.say("ip -6 route add default via %s dev eth0", gateway)
	} else {
		d.say("ip route add default via %s", gateway)
	}
	d.say("%s neigh add %s lladdr %s dev eth0", ip, gateway, gatewayMAC)
	d.say("%s neigh add %s lladdr %s dev eth0", ip, onlineAlone[f], onlineMAC)
	for n := 1; n <= servers; n++ {
		d.say("%s neigh add %s lladdr %s dev %s", ip, realServer(f, n), serverMAC(n), d.serverIf())
	}
	if d.beyond {
		d.say("%s neigh add %s lladdr %s dev eth1", ip, inner, router)
		if !f.v6() {
			d.say("ip route add 172.16.0.0/24 via %s", inner)
		}
	}
	if d.beyond && !f.v6() && d.in(30) {
		// Who speaks for the service is routed otherwise.
		d.say("ip route add default via %s table 200", inner)
		d.say("ip rule add from %s lookup 200", virtual(f, 0))
	}
	if d.nowhere && !f.v6() {
		d.say("ip route add %s 172.17.0.0/24", pick(d.dice, []string{"unreachable", "blackhole", "prohibit"}))
	}
	if d.feat.has(Strays) && d.in(4) {
		return // a director that doesn't forward
	}
	if f.v6() {
		d.say("sysctl -w net.ipv6.conf.all.forwarding=1")
	} else {
		d.say("sysctl -w net.ipv4.ip_forward=1")
	}
}

// virtuals draws the virtual addresses.
func (d *director) virtuals() {
	d.say("ip link add ipvs0 type dummy")
	if !d.in(5) {
		d.say("ip link set ipvs0 up")
	}
	n := d.between(1, 3)
	for _, f := range d.families {
		for i := range n {
			v := virtual(f, i)
			d.vips = append(d.vips, v)
			dev := "ipvs0"
			if d.in(8) {
				dev = outside
			}
			if f.v6() {
				d.say("ip -6 addr add %s/128 dev %s nodad", v, dev)
			} else {
				d.say("ip addr add %s/32 dev %s", v, dev)
			}
		}
	}
}

// setting is a row of the table of settings and the values drawn for them.
type setting struct {
	name   string
	values []string
}

// settingTable has only values whose effect doesn't depend on chance or on the
// machine's memory.
var settingTable = []choice[setting]{
	{4, setting{"expire_nodest_conn", []string{"0", "1"}}, Settings},
	{4, setting{"expire_quiescent_template", []string{"0", "1"}}, Settings},
	{4, setting{"conn_reuse_mode", []string{"0", "1", "2", "3"}}, Settings},
	{4, setting{"sloppy_tcp", []string{"0", "1"}}, Settings},
	{3, setting{"sloppy_sctp", []string{"0", "1"}}, Settings},
	{5, setting{"schedule_icmp", []string{"1", "1", "0"}}, Settings},
	{4, setting{"nat_icmp_send", []string{"1", "1", "0"}}, Settings},
	{2, setting{"snat_reroute", []string{"0"}}, Settings},
	{2, setting{"pmtu_disc", []string{"0"}}, Settings},
	{2, setting{"ignore_tunneled", []string{"1"}}, Settings},
	{2, setting{"secure_tcp", []string{"3"}}, Settings},
	{1, setting{"backup_only", []string{"1"}}, Settings},
	{2, setting{"cache_bypass", []string{"1"}}, Settings},
	{1, setting{"run_estimation", []string{"0"}}, Settings},
	{4, setting{"conntrack", []string{"1"}}, Settings | Conntrack},
}

// settings draws values of net.ipv4.vs.
func (d *director) settings() {
	if !d.feat.has(Settings) || d.in(40) {
		return
	}
	said := map[string]bool{}
	for range d.between(1, 5) {
		if s := choose(d.dice, d.feat, settingTable); !said[s.name] {
			said[s.name] = true
			d.say("sysctl -w net.ipv4.vs.%s=%s", s.name, pick(d.dice, s.values))
		}
	}
	if d.feat.has(FTP) && !said["conntrack"] && d.in(30) {
		d.say("sysctl -w net.ipv4.vs.conntrack=1")
	}
	if d.in(6) {
		d.say("sysctl -w net.ipv4.vs.am_droprate=%d", d.between(2, 5))
		d.say("sysctl -w net.ipv4.vs.drop_packet=3")
	}
}

// Firewall marks that services may have.
const (
	markAddress = 5 // of what goes to a virtual address
	markPort    = 6 // of TCP to port 80, wherever it goes: transparent
)

// marks draws the rules that mark packets, and the routes of transparent
// services.
func (d *director) marks() {
	if !d.feat.has(FWMark) || !d.in(30) {
		return
	}
	for _, v := range d.vips {
		if v != virtual(familyOf(v), 0) {
			continue
		}
		tables, bits := "iptables", 32
		if v.Is6() {
			tables, bits = "ip6tables", 128
		}
		proto := pick(d.dice, []string{"", " -p tcp", " -p tcp"})
		d.say("%s -t mangle -A PREROUTING -d %s/%d%s -j MARK --set-mark %d", tables, v, bits, proto, markAddress)
		d.addService(d.newMarked(familyOf(v), markAddress, v))
		if !v.Is6() && d.in(40) {
			d.say("iptables -t mangle -A PREROUTING -i eth0 -p tcp -m tcp --dport 8000 -j MARK --set-mark %d", markPort)
			d.say("ip rule add fwmark %d lookup 100", markPort)
			d.say("ip route add local 0.0.0.0/0 dev lo table 100")
			d.addService(d.newMarked(0, markPort, farAway(0, 200)))
		}
	}
}

// drawServices draws the services that are not by mark.
func (d *director) drawServices() {
	for n := d.between(1, 4); n > 0 || len(d.services) == 0; n-- {
		if s := d.newService(pick(d.dice, d.vips)); s != nil {
			d.addService(s)
		}
	}
	if d.expiry {
		d.say("ipvsadm --set %d %d %d", d.between(3, 4), d.between(3, 4), d.between(3, 4))
	}
}

func (d *director) addService(s *service) {
	d.services = append(d.services, s)
	d.say("ipvsadm -A %s", s.options())
	for _, r := range s.servers {
		d.say("ipvsadm -a %s -r %s", s.id(), r.options())
	}
}

func itoa[T ~int | ~uint16 | ~uint32](n T) string { return strconv.FormatInt(int64(n), 10) }
