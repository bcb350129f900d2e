package ipvsadm

import "math/bits"

// command is what ipvsadm is told to do.
type command uint8

const (
	cmdAdd command = iota
	cmdEdit
	cmdDel
	cmdFlush
	cmdList
	cmdAddDest
	cmdDelDest
	cmdEditDest
	cmdTimeout
	cmdStartDaemon
	cmdStopDaemon
	cmdRestore
	cmdSave
	cmdZero
)

// opts is a set of options.
type opts uint64

// The options that go with commands, in the order in which they are checked.
const (
	optNumeric opts = 1 << iota
	optConnection
	optService
	optScheduler
	optPersistent
	optNetmask
	optServer
	optForward
	optWeight
	optUThreshold
	optLThreshold
	optMcast
	optTimeout
	optDaemon
	optStats
	optRate
	optThresholds
	optPersistentConn
	optNoSort
	optSyncID
	optExact
	optOnePacket
	optPE
	optSchedFlags
	optMcastGroup
	optMcastPort
	optMcastTTL
	optSyncMaxlen
	optTunInfo
	optTunType
	optTunPort
	optTunNoCsum
	optTunCsum
	optTunRemCsum
	optEnd
)

const optTunnel = optTunType | optTunPort | optTunNoCsum | optTunCsum | optTunRemCsum

var optionNames = [...]string{
	"numeric", "connection", "service-address", "scheduler", "persistent", "netmask",
	"real-server", "forwarding-method", "weight", "u-threshold", "l-threshold",
	"mcast-interface", "timeout", "daemon", "stats", "rate", "thresholds",
	"persistent-conn", "nosort", "syncid", "exact", "ops", "pe", "sched-flags",
	"mcast-group", "mcast-port", "mcast-ttl", "sync-maxlen", "tun-info", "tun-type",
	"tun-port", "tun-nocsum", "tun-csum", "tun-remcsum",
}

// name returns the name of the one option in o.
func (o opts) name() string { return optionNames[bits.TrailingZeros64(uint64(o))] }

// permits says which options something goes with: must are those it needs, may
// those it takes, and of one it takes one at most.
type permits struct {
	name          string
	must, may, of opts
}

var commandOptions = [...]permits{
	cmdAdd:   {"add-service", optService, optScheduler | optPersistent | optNetmask | optOnePacket | optPE | optSchedFlags, 0},
	cmdEdit:  {"edit-service", optService, optScheduler | optPersistent | optNetmask | optOnePacket | optPE | optSchedFlags, 0},
	cmdDel:   {"delete-service", optService, 0, 0},
	cmdFlush: {"flush", 0, 0, 0},
	cmdList: {"list", 0, optNumeric | optStats | optRate | optThresholds | optPersistentConn | optNoSort | optSyncID | optExact | optTunInfo,
		optConnection | optService | optTimeout | optDaemon},
	cmdAddDest:     {"add-server", optService | optServer, optForward | optWeight | optUThreshold | optLThreshold | optTunnel, 0},
	cmdDelDest:     {"delete-server", optService | optServer, 0, 0},
	cmdEditDest:    {"edit-server", optService | optServer, optForward | optWeight | optUThreshold | optLThreshold | optTunnel, 0},
	cmdTimeout:     {"set", 0, 0, 0},
	cmdStartDaemon: {"start-daemon", 0, optMcast | optSyncID | optMcastGroup | optMcastPort | optMcastTTL | optSyncMaxlen, 0},
	cmdStopDaemon:  {"stop-daemon", 0, optSyncID, 0},
	cmdRestore:     {"restore", 0, 0, 0},
	cmdSave:        {"save", 0, optNumeric, 0},
	cmdZero:        {"zero", 0, optService, 0},
}

var tunnelOptions = [...]permits{
	{"ipip", 0, 0, 0},
	{"gue", optTunPort, 0, optTunNoCsum | optTunCsum | optTunRemCsum},
	{"gre", 0, 0, optTunNoCsum | optTunCsum},
}

// check holds those of the options given that are in among against p. What kind
// of thing p belongs to is for the text.
func (p *permits) check(given, among opts, kind string) error {
	var last opts
	for o := opts(1); o < optEnd; o <<= 1 {
		switch {
		case among&o == 0:
		case given&o == 0:
			if p.must&o != 0 {
				return fail("You need to supply the '%s' option for the '%s' %s", o.name(), p.name, kind)
			}
		case p.of&o != 0:
			if last != 0 {
				return fail("The option '%s' conflicts with the '%s' option in the '%s' %s", o.name(), last.name(), p.name, kind)
			}
			last = o
		case (p.must|p.may)&o == 0:
			return fail("Illegal '%s' option with the '%s' %s", o.name(), p.name, kind)
		}
	}
	return nil
}
