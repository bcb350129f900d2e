package ipvsadm

import (
	"math"
	"net/netip"
	"strings"

	"goipvs/packet"
	"goipvs/sched"
)

// entry is a command line, read.
type entry struct {
	cmd    command
	opts   opts
	format format

	svc     endpoint
	proto   uint8
	service sched.ServiceConfig // without its key
	mark    uint32

	dest   endpoint
	server sched.DestConfig // without its key

	timeouts [3]int64 // in seconds
	daemon   daemon
}

// daemon is what is told of a sync daemon.
type daemon struct {
	state  uint32
	ifname string
	syncID uint32
	maxlen uint16
	group  netip.Addr
	port   uint16
	ttl    uint8
}

const (
	// maxTimeout is the longest timeout, in seconds: 31 days.
	maxTimeout = 86400 * 31
	// defaultPersistence is the timeout of persistence, in seconds, where none
	// is given. The manual says 300.
	defaultPersistence = 360
	defaultScheduler   = "wlc"
	defaultInterface   = "eth0"

	// How much of a name is kept.
	maxScheduler = 15
	maxPE        = 16
	maxInterface = 15
	maxFlags     = 127
)

// cut returns what fits of a name.
func cut(s string, n int) string { return s[:min(len(s), n)] }

// commands are the first options of a command line, by tag.
var commands = map[rune]command{
	'A': cmdAdd, 'E': cmdEdit, 'D': cmdDel, 'C': cmdFlush, 'L': cmdList,
	'a': cmdAddDest, 'd': cmdDelDest, 'e': cmdEditDest, tagSet: cmdTimeout,
	tagStartDaemon: cmdStartDaemon, tagStopDaemon: cmdStopDaemon,
	'R': cmdRestore, 'S': cmdSave, 'Z': cmdZero,
}

// parse reads a command line. Its errors are *exit, or what popt says, with
// which restoring goes on.
func (r *run) parse(words []string, e *entry) error {
	p := popt{words: words}
	tag, arg, _, err := p.option()
	if err != nil || tag == 0 {
		return r.tryHelp()
	}
	switch tag {
	case 'h':
		return r.help()
	case 'v':
		return r.version()
	}
	cmd, ok := commands[tag]
	if !ok {
		return r.tryHelp()
	}
	*e = entry{cmd: cmd}
	e.service.Netmask = math.MaxUint32
	e.server.Weight = 1
	e.server.Forward = sched.DRoute
	if cmd == cmdStartDaemon || cmd == cmdStopDaemon {
		switch {
		case arg == "master":
			e.daemon.state = 1
		case arg == "backup":
			e.daemon.state = 2
		case cmd == cmdStartDaemon:
			return fail("illegal start-daemon parameter specified")
		default:
			return fail("illegal start_daemon specified")
		}
	}
	flags := ""
	for {
		tag, arg, has, err := p.option()
		if err != nil {
			return &usageError{p.bad(), err}
		}
		if tag == 0 {
			break
		}
		if tag == 'b' {
			flags = cut(arg, maxFlags)
		}
		if err := r.parseOption(e, &p, tag, arg, has); err != nil {
			return err
		}
	}
	return e.finish(p.rest, flags)
}

// usageError is a complaint of popt's about a word.
type usageError struct {
	word string
	err  error
}

func (e *usageError) Error() string { return e.word + ": " + e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// once are the options that may be given once, by tag.
var once = map[rune]opts{
	't': optService, 'u': optService, tagSCTPService: optService, 'f': optService,
	's': optScheduler, 'p': optPersistent, 'M': optNetmask, 'r': optServer,
	'i': optForward, 'g': optForward, 'm': optForward, 'w': optWeight,
	'x': optUThreshold, 'y': optLThreshold, 'c': optConnection, 'n': optNumeric,
	tagMcastInterface: optMcast, tagSyncID: optSyncID, tagTimeout: optTimeout,
	tagDaemon: optDaemon, tagStats: optStats, tagRate: optRate,
	tagThresholds: optThresholds, tagPersistentConn: optPersistentConn,
	tagNoSort: optNoSort, 'X': optExact, 'o': optOnePacket, tagPE: optPE,
	'b': optSchedFlags, tagMcastGroup: optMcastGroup, tagMcastPort: optMcastPort,
	tagMcastTTL: optMcastTTL, tagSyncMaxlen: optSyncMaxlen, tagTunInfo: optTunInfo,
	tagTunType: optTunType, tagTunPort: optTunPort, tagTunNoCsum: optTunNoCsum,
	tagTunCsum: optTunCsum, tagTunRemCsum: optTunRemCsum,
}

// formats are the options that change a listing.
var formats = map[rune]format{
	'n': fmtNumeric, tagStats: fmtStats, tagRate: fmtRate,
	tagThresholds: fmtThresholds, tagPersistentConn: fmtPersistentConn,
	tagNoSort: fmtNoSort, 'X': fmtExact, tagTunInfo: fmtTunInfo,
}

// parseOption takes in an option that isn't the first.
func (r *run) parseOption(e *entry, p *popt, tag rune, arg string, has bool) error {
	if o := once[tag]; o != 0 {
		if e.opts&o != 0 {
			return fail("multiple '%s' options specified", o.name())
		}
		e.opts |= o
	}
	e.format |= formats[tag]
	switch tag {
	case 't', 'u', tagSCTPService, 'f', 's', 'p', 'M', '6', 'o', tagPE:
		return r.parseServiceOption(e, tag, arg, has)
	case 'r', 'i', 'g', 'm', 'w', 'x', 'y', tagTunType, tagTunPort, tagTunNoCsum, tagTunCsum, tagTunRemCsum:
		return r.parseServerOption(e, tag, arg)
	case tagMcastInterface, tagSyncID, tagMcastGroup, tagMcastPort, tagMcastTTL, tagSyncMaxlen:
		return e.daemon.parseOption(tag, arg)
	case tagSort, 'c', 'n', 'b', 'X', tagTimeout, tagDaemon, tagStats, tagRate,
		tagThresholds, tagPersistentConn, tagNoSort, tagTunInfo:
		return nil
	}
	return fail("invalid option `%s'", p.bad())
}

var serviceProtocols = map[rune]uint8{'t': packet.ProtoTCP, 'u': packet.ProtoUDP, tagSCTPService: packet.ProtoSCTP}

func (r *run) parseServiceOption(e *entry, tag rune, arg string, has bool) error {
	s := &e.service
	switch tag {
	case 't', 'u', tagSCTPService:
		e.proto = serviceProtocols[tag]
		if ok, _ := r.parseEndpoint(arg, e.proto, &e.svc); !ok {
			return fail("illegal virtual server address[:port] specified")
		}
		if e.svc.family == packet.IPv6 {
			s.Netmask = 128
		}
	case 'f':
		n, left, ok, inRange := strtol(arg, 10)
		if !ok || left != "" || !inRange || n <= 0 || n > math.MaxUint32 {
			return fail("invalid fwmark value `%s' specified", arg)
		}
		e.svc.family, e.proto, e.mark = packet.IPv4, packet.ProtoTCP, uint32(n)
	case 's':
		s.Scheduler = cut(arg, maxScheduler)
	case 'p':
		s.Flags |= sched.Persistent
		s.Timeout = defaultPersistence
		if has {
			n, err := parseTimeout(arg, 1)
			if err != nil {
				return err
			}
			s.Timeout = uint32(n)
		}
	case 'M':
		if e.svc.family == packet.IPv6 {
			n := atoi(arg)
			if n < 1 || n > 128 {
				return fail("illegal ipv6 netmask specified")
			}
			s.Netmask = uint32(n)
			return nil
		}
		mask, ok := r.parse4(arg)
		if !ok {
			return fail("illegal virtual server persistent mask specified")
		}
		s.Netmask = mask
	case '6':
		if e.mark == 0 {
			return fail("-6 used before -f\n")
		}
		e.svc.family, s.Netmask = packet.IPv6, 128
	case 'o':
		s.Flags |= sched.OnePacket
	case tagPE:
		s.PE = cut(arg, maxPE)
	}
	return nil
}

var tunnelTypes = map[string]sched.TunType{"ipip": sched.TunIPIP, "gue": sched.TunGUE, "gre": sched.TunGRE}

func (r *run) parseServerOption(e *entry, tag rune, arg string) error {
	d := &e.server
	switch tag {
	case 'r':
		e.dest = e.svc // a port that isn't given is the service's
		if ok, _ := r.parseEndpoint(arg, e.proto, &e.dest); !ok {
			return fail("illegal real server address[:port] specified")
		}
	case 'i':
		d.Forward = sched.Tunnel
	case 'g':
		d.Forward = sched.DRoute
	case 'm':
		d.Forward = sched.Masq
	case 'w':
		n, ok := parseNumber(arg, 0, math.MaxInt32)
		if !ok {
			return fail("illegal weight specified")
		}
		d.Weight = int32(n)
	case 'x':
		n, ok := parseNumber(arg, 0, math.MaxInt32)
		if !ok {
			return fail("illegal u_threshold specified")
		}
		d.Upper = uint32(n)
	case 'y':
		n, ok := parseNumber(arg, 0, math.MaxInt32)
		if !ok {
			return fail("illegal l_threshold specified")
		}
		d.Lower = uint32(n)
	case tagTunType:
		t, ok := tunnelTypes[arg]
		if !ok {
			return fail("illegal tunnel type specified")
		}
		d.TunType = t
	case tagTunPort:
		n, ok := parseNumber(arg, 1, 65535)
		if !ok {
			return fail("illegal tunnel port specified")
		}
		d.TunPort = uint16(n)
	case tagTunCsum:
		d.TunFlags |= sched.TunCsum
	case tagTunRemCsum:
		d.TunFlags |= sched.TunRemCsum
	}
	return nil
}

func (d *daemon) parseOption(tag rune, arg string) error {
	switch tag {
	case tagMcastInterface:
		d.ifname = cut(arg, maxInterface)
	case tagSyncID:
		n, ok := parseNumber(arg, 0, 255)
		if !ok {
			return fail("illegal syncid specified")
		}
		d.syncID = uint32(n)
	case tagMcastGroup:
		version := "IPv4"
		if strings.Contains(arg, ":") {
			version = "IPv6"
		}
		a, err := netip.ParseAddr(arg)
		if err != nil || a.Is6() != (version == "IPv6") || a.Zone() != "" || a.Is4In6() || !a.IsMulticast() {
			return fail("invalid %s mcast-group `%s'", version, arg)
		}
		d.group = a
	case tagMcastPort:
		n, ok := parseNumber(arg, 1, 65535)
		if !ok {
			return fail("illegal mcast-port specified")
		}
		d.port = uint16(n)
	case tagMcastTTL:
		n, ok := parseNumber(arg, 1, 255)
		if !ok {
			return fail("illegal mcast-ttl specified")
		}
		d.ttl = uint8(n)
	case tagSyncMaxlen:
		n, ok := parseNumber(arg, 1, 65535-20-8)
		if !ok {
			return fail("illegal sync-maxlen specified")
		}
		d.maxlen = uint16(n)
	}
	return nil
}

func parseTimeout(s string, least int64) (int64, error) {
	n, ok := parseNumber(s, least, maxTimeout)
	if !ok {
		return 0, fail("invalid timeout value `%s' specified", s)
	}
	return n, nil
}

// finish takes in the words that aren't options, and the scheduler's flags,
// which need its name.
func (e *entry) finish(rest []string, flags string) error {
	if e.cmd == cmdTimeout {
		if len(rest) < len(e.timeouts) {
			return fail("--set option requires 3 timeout values")
		}
		for i := range e.timeouts {
			n, err := parseTimeout(rest[i], 0)
			if err != nil {
				return err
			}
			e.timeouts[i] = n
		}
		rest = rest[len(e.timeouts):]
	}
	if len(rest) > 0 {
		return fail("unexpected argument %s", rest[0])
	}
	if flags == "" {
		return nil
	}
	f, err := parseSchedFlags(flags, e.service.Scheduler)
	e.service.Flags |= f
	return err
}
