package fuzzer

import (
	"net/netip"
	"strings"

	"goipvs/packet"
)

// service is a virtual service as the director was told.
type service struct {
	proto     uint8 // 0: by mark
	mark      uint32
	vip       netip.Addr // of a service by mark: where its traffic goes
	port      uint16
	scheduler string
	flags     string // of the scheduler
	persist   int    // seconds; 0: not persistent
	mask      string
	sip, ops  bool
	servers   []server
}

// server is a real server of a service.
type server struct {
	addr         netip.Addr
	port         uint16
	method       string // -m, -g or -i and the tunnel's kind
	weight       int
	upper, lower int
}

func (s *service) family() family { return familyOf(s.vip) }

// id returns the words that name a service to ipvsadm.
func (s *service) id() string {
	switch s.proto {
	case packet.ProtoTCP:
		return "-t " + hostPort(s.vip, s.port)
	case packet.ProtoUDP:
		return "-u " + hostPort(s.vip, s.port)
	case packet.ProtoSCTP:
		return "--sctp-service " + hostPort(s.vip, s.port)
	}
	if s.vip.Is6() {
		return "-f " + itoa(s.mark) + " -6"
	}
	return "-f " + itoa(s.mark)
}

// options returns the words that add or edit a service.
func (s *service) options() string {
	words := []string{strings.TrimSuffix(s.id(), " -6"), "-s", s.scheduler}
	if s.flags != "" {
		words = append(words, "-b", s.flags)
	}
	if s.sip {
		words = append(words, "--pe", "sip")
	}
	if s.persist > 0 {
		words = append(words, "-p", itoa(s.persist))
		if s.mask != "" {
			words = append(words, "-M", s.mask)
		}
	}
	if s.ops {
		words = append(words, "-o")
	}
	if s.proto == 0 && s.vip.Is6() {
		words = append(words, "-6")
	}
	return strings.Join(words, " ")
}

// options returns the words that add or edit a server.
func (r *server) options() string {
	s := hostPort(r.addr, r.port) + " " + r.method + " -w " + itoa(r.weight)
	if i := strings.Index(r.method, " "); i > 0 {
		// The tunnel's kind stands last.
		s = hostPort(r.addr, r.port) + " " + r.method[:i] + " -w " + itoa(r.weight)
	}
	if r.upper > 0 {
		s += " -x " + itoa(r.upper)
	}
	if r.lower > 0 {
		s += " -y " + itoa(r.lower)
	}
	if i := strings.Index(r.method, " "); i > 0 {
		s += r.method[i:]
	}
	return s
}

var protocols = []choice[uint8]{
	{10, packet.ProtoTCP, TCP}, {8, packet.ProtoUDP, UDP}, {3, packet.ProtoSCTP, SCTP},
}

var ports = map[uint8][]uint16{
	packet.ProtoTCP:  {80, 443, 8080},
	packet.ProtoUDP:  {53, 514, 500},
	packet.ProtoSCTP: {9, 132},
}

// newService draws a service; nil if there is one with its address and port.
func (d *director) newService(vip netip.Addr) *service {
	s := &service{vip: vip, proto: choose(d.dice, d.feat, protocols)}
	s.port = pick(d.dice, ports[s.proto])
	switch {
	case s.proto == packet.ProtoTCP && d.feat.has(FTP) && d.in(15):
		s.port = 21
	case s.proto == packet.ProtoUDP && d.feat.has(SIP) && d.in(20):
		s.port, s.sip = 5060, true
	case d.feat.has(CatchAll) && d.in(8):
		s.port = 0
	}
	for _, x := range d.services {
		if x.proto == s.proto && x.vip == s.vip && x.port == s.port {
			return nil
		}
	}
	d.finish(s)
	return s
}

// newMarked draws a service by mark.
func (d *director) newMarked(f family, mark uint32, to netip.Addr) *service {
	s := &service{mark: mark, vip: to}
	d.finish(s)
	return s
}

var schedulers = []choice[[2]string]{
	{8, [2]string{"rr"}, SchedBasic}, {8, [2]string{"wrr"}, SchedBasic}, {6, [2]string{"lc"}, SchedBasic}, {8, [2]string{"wlc"}, SchedBasic},
	{4, [2]string{"sed"}, SchedBasic}, {4, [2]string{"nq"}, SchedBasic}, {3, [2]string{"fo"}, SchedBasic}, {3, [2]string{"ovf"}, SchedBasic},
	{4, [2]string{"dh"}, SchedHash}, {4, [2]string{"sh"}, SchedHash}, {2, [2]string{"sh", "sh-port"}, SchedHash},
	{2, [2]string{"sh", "sh-fallback"}, SchedHash}, {2, [2]string{"sh", "sh-fallback,sh-port"}, SchedHash},
	{4, [2]string{"mh"}, SchedHash}, {2, [2]string{"mh", "mh-port"}, SchedHash}, {2, [2]string{"mh", "mh-fallback"}, SchedHash},
	{3, [2]string{"lblc"}, SchedLocal}, {3, [2]string{"lblcr"}, SchedLocal},
}

// finish draws all of a service but what it is for.
func (d *director) finish(s *service) {
	d.schedule(s)
	if d.feat.has(Persist) && (d.in(20) || s.port == 0 && s.proto != 0) || s.sip {
		s.persist = pick(d.dice, []int{60, 300})
		if d.expiry {
			s.persist = d.between(3, 4)
		}
		switch {
		case !d.in(30):
		case s.vip.Is6():
			s.mask = pick(d.dice, []string{"64", "112", "128", "120"})
		default:
			s.mask = pick(d.dice, []string{"255.255.255.0", "255.255.255.252", "255.255.0.0"})
		}
	}
	if s.port == 0 && s.proto != 0 && s.persist == 0 {
		s.persist = 300
	}
	if d.feat.has(OnePacket) && (s.proto == packet.ProtoUDP || s.proto == 0) && d.in(15) {
		s.ops = true
	}
	for n := d.between(0, 5); n > 0; n-- {
		if r := d.newServer(s); r != nil {
			s.servers = append(s.servers, *r)
		}
	}
	if len(s.servers) == 0 && !d.in(10) {
		if r := d.newServer(s); r != nil {
			s.servers = append(s.servers, *r)
		}
	}
}

func (d *director) schedule(s *service) {
	x := choose(d.dice, d.feat, schedulers)
	s.scheduler, s.flags = x[0], x[1]
}

var methods = []choice[string]{
	{10, "-m", NAT}, {5, "-g", DR}, {4, "-i", IPIP},
	{2, "-i --tun-type gue --tun-port 6080", GUE}, {1, "-i --tun-type gue --tun-port 6080 --tun-csum", GUE},
	{1, "-i --tun-type gue --tun-port 6080 --tun-remcsum", GUE},
	{2, "-i --tun-type gre", GRE}, {1, "-i --tun-type gre --tun-csum", GRE},
}

// guePort is where all GUE tunnels go: a recorded case knows of one.
const guePort = 6080

// newServer draws a server that the service doesn't have yet; nil if the draw
// was in vain.
func (d *director) newServer(s *service) *server {
	f := s.family()
	r := &server{method: choose(d.dice, d.feat, methods), weight: 1}
	if strings.Contains(r.method, "gue") {
		d.gue = guePort
	}
	if f.v6() && strings.HasPrefix(r.method, "-i") && len(d.families) == 2 && d.feat.has(MixedFamily) && d.in(30) {
		f = 0
	} else if !f.v6() && strings.HasPrefix(r.method, "-i") && len(d.families) == 2 && d.feat.has(MixedFamily) && d.in(15) {
		f = 1
	}
	r.addr = realServer(f, d.between(1, servers))
	switch {
	case d.beyond && !f.v6() && d.in(25):
		r.addr = beyond(f, d.between(1, 3))
	case d.nowhere && !f.v6() && d.in(15):
		r.addr = addr("172.17.0.9")
	case d.feat.has(LocalNode) && d.in(8):
		r.addr = pick(d.dice, []netip.Addr{ownInside[f], ownInside[f], ownOutside[f], ownOutside[f], ownInside[f], loopback[f]})
	}
	r.port = s.port
	if r.method == "-m" {
		r.port = pick(d.dice, []uint16{s.port, s.port, s.port + 8000, s.port + 8000, 9999})
		if s.proto == 0 {
			r.port = pick(d.dice, []uint16{0, 0, 8088})
		}
	}
	if s.proto == 0 && r.method != "-m" {
		r.port = 0
	}
	for _, x := range s.servers {
		if x.addr == r.addr && x.port == r.port {
			return nil
		}
	}
	if d.feat.has(Weights) && d.in(60) {
		r.weight = pick(d.dice, []int{0, 1, 1, 2, 2, 3, 4, 5, 10, 100})
	}
	d.thresholds(r)
	return r
}

func (d *director) thresholds(r *server) {
	r.upper, r.lower = 0, 0
	if d.feat.has(Thresholds) && d.in(15) {
		r.upper = d.between(1, 6)
		if d.in(50) {
			r.lower = d.between(1, r.upper)
		}
	}
}
