package hooks

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"goipvs/conntrack"
	"goipvs/sched"
)

// ErrNoSetting is what SetSetting returns for a name that the kernel doesn't
// have under net.ipv4.vs.
var ErrNoSetting = errors.New("no such setting")

// settings are the hooks' own tunables. They change only while no packet is
// handled.
type settings struct {
	CacheBypass             bool
	Conntrack               bool
	ConnReuseMode           int
	ExpireNoDestConn        bool
	ExpireQuiescentTemplate bool
	IgnoreTunneled          bool
	NATICMPSend             bool
	RunEstimation           bool
	ScheduleICMP            bool
	SloppySCTP              bool
	SloppyTCP               bool
	SNATReroute             bool

	// Defence against overload; see updateDefense.
	AMDropRate, AMemThresh, DropEntry, DropPacket, SecureTCP int

	dropRate int // of each so many packets that would make a connection one is dropped; 0: none

	// What is kept without effect: of the sync daemon, which there is not yet,
	// and of what is done otherwise here.
	kept map[string]string

	shown map[string]string // flags as they were written
}

func defaultSettings() settings {
	return settings{
		ConnReuseMode: 1, RunEstimation: true, SNATReroute: true,
		AMDropRate: 10, AMemThresh: 1024,
		shown: map[string]string{},
		kept: map[string]string{
			"backup_only": "0", "sync_version": "1", "sync_ports": "1", "sync_qlen_max": "15191", "sync_sock_size": "0",
			"sync_threshold": "3\t50", "sync_refresh_period": "0", "sync_retries": "0", "sync_persist_mode": "0",
			"svc_lfactor": "-2", "est_cpulist": "0", "est_nice": "0",
		},
	}
}

// setting binds a name under net.ipv4.vs to what it sets.
type setting struct {
	name   string
	get    func(*Director) string
	set    func(*Director, string) error
	since  Kernel
	values string // which it takes, in words
	effect string // or why it has none
}

// The table of settings, by name. Values, ranges and defaults are the kernel's.
//
// Kernel: ip_vs_ctl.c, vs_vars (6.1, 7.3).
var settingTable = []setting{
	number("am_droprate", func(d *Director) *int { return &d.set.AMDropRate }).
		does("with drop_packet=3, one of so many packets that would open a connection is dropped; none with 0, each with less"),
	number("amemthresh", func(d *Director) *int { return &d.set.AMemThresh }).
		does("none: it says how few free pages are a shortage of memory, and here memory is never short"),
	kept("backup_only", anyInt).takes("any number").
		does("none: a backup of the sync daemon would direct nothing, and there is no sync daemon"),
	flag("cache_bypass", func(d *Director) *bool { return &d.set.CacheBypass }).
		does("packets for a firewall mark whose service has no usable server go on to their own destination, if that is another host's"),
	since(Linux7_3, setting{
		name:   "conn_lfactor",
		get:    func(d *Director) string { return strconv.Itoa(d.conns.Load()) },
		set:    between(-8, 8, func(d *Director, n int) { d.conns.SetLoad(n) }),
		values: "-8 to 8",
		effect: "the size of the connection table, as listings show it, follows the number of connections so that 2 to this power are in each bucket",
	}),
	since(Linux7_3, setting{
		name: "conn_max",
		get:  func(d *Director) string { return strconv.Itoa(d.conns.MaxConns()) },
		set: func(d *Director, v string) error {
			// The kernel takes this number for none.
			if n, err := parse(v, 32); err == nil && n == math.MinInt32 {
				return nil
			}
			return between(0, conntrack.MostConns, func(d *Director, n int) { d.conns.SetMaxConns(n) })(d, v)
		},
		values: "0 to 2^30",
		effect: "no more connections are made than this",
	}),
	number("conn_reuse_mode", func(d *Director) *int { return &d.set.ConnReuseMode }).
		does("unless 0, a SYN or INIT on a connection in TIME_WAIT or CLOSE (SCTP: CLOSED) makes a new one; with bit 1 (2, 3) also in FIN_WAIT, if no reply passes here; never of a persistent service"),
	flag("conntrack", func(d *Director) *bool { return &d.set.Conntrack }).
		does("connection tracking may know the connections, as those of clients to real servers; with 0 the daemon keeps services' packets from it"),
	defense("drop_entry", func(d *Director) *int { return &d.set.DropEntry }).
		does("3: each second half-open and little-used connections of a random part of the table end; 1 and 2: none, as memory is never short; 2 becomes 1"),
	defense("drop_packet", func(d *Director) *int { return &d.set.DropPacket }).
		does("3: one of am_droprate packets that would open a connection is dropped; 1 and 2: none, as memory is never short; 2 becomes 1"),
	since(Linux7_3, setting{
		name:   "est_cpulist",
		get:    func(d *Director) string { return d.set.kept["est_cpulist"] },
		set:    setCPUList,
		values: "numbers and ranges of CPUs, such as 0,2-3",
		effect: "none: estimates have no threads of their own here",
	}),
	since(Linux7_3, kept("est_nice", func(n int64) bool { return n >= -20 && n <= 19 }).takes("-20 to 19").
		does("none: estimates have no threads of their own here")),
	flag("expire_nodest_conn", func(d *Director) *bool { return &d.set.ExpireNoDestConn }).
		does("connections of a deleted server end at once, and a SYN leaves a server of weight 0; with 0 packets for a deleted server are dropped until it is back"),
	flag("expire_quiescent_template", func(d *Director) *bool { return &d.set.ExpireQuiescentTemplate }).
		does("a server of weight 0 loses its persistent clients, too"),
	flag("ignore_tunneled", func(d *Director) *bool { return &d.set.IgnoreTunneled }).
		does("packets of protocols that IPVS does not balance, such as IPIP, are marked as handled, so that what is inside passes as well"),
	seconds("lblc_expiration", func(d *Director) *int32 { return &d.table.Settings.LBLCExpiration }).
		does("lblc forgets a destination that was not asked for so long; it looks each half hour"),
	seconds("lblcr_expiration", func(d *Director) *int32 { return &d.table.Settings.LBLCRExpiration }).
		does("lblcr takes the most loaded server from a set that did not change for so long, and forgets what was not asked for so long"),
	flag("nat_icmp_send", func(d *Director) *bool { return &d.set.NATICMPSend }).
		does("a NAT server that sends without a connection gets port unreachable"),
	flag("pmtu_disc", func(d *Director) *bool { return &d.xmit.PMTUDisc }).
		does("tunnels take part in path MTU discovery: DF is copied outside, and who sends too much with DF is told; with 0 the outer packet is fragmented"),
	flag("run_estimation", func(d *Director) *bool { return &d.set.RunEstimation }).
		does("counters and rates that are shown are brought up to date each 2 s; with 0 they stay as they are"),
	flag("schedule_icmp", func(d *Director) *bool { return &d.set.ScheduleICMP }).
		does("an ICMP error about no known connection may open the one that it quotes"),
	defense("secure_tcp", func(d *Director) *int { return &d.set.SecureTCP }).
		does("3: TCP's state table against floods of SYNs; 1 and 2: none, as memory is never short; 2 becomes 1"),
	flag("sloppy_sctp", func(d *Director) *bool { return &d.set.SloppySCTP }).
		does("any packet but one with an ABORT may open an SCTP connection, not only an INIT"),
	flag("sloppy_tcp", func(d *Director) *bool { return &d.set.SloppyTCP }).
		does("any segment but a RST may open a TCP connection, not only a SYN"),
	flag("snat_reroute", func(d *Director) *bool { return &d.set.SNATReroute }).
		does("a translated reply is routed anew, by its new source"),
	since(Linux7_3, kept("svc_lfactor", func(n int64) bool { return n >= -8 && n <= 8 }).takes("-8 to 8").
		does("none: how services are found does not depend on their number here")),
	kept("sync_persist_mode", anyInt).takes("any number").does(noSync),
	kept("sync_ports", func(n int64) bool { return n >= 1 && n <= 1<<30 && n&(n-1) == 0 }).takes("powers of two, 1 to 2^30").does(noSync),
	kept("sync_qlen_max", func(n int64) bool { return n >= 0 }).takes("0 and more").does(noSync),
	kept("sync_refresh_period", fitsJiffies).takes("seconds, -8589934 to 8589934").does(noSync),
	kept("sync_retries", func(n int64) bool { return n >= 0 && n <= 3 }).takes("0 to 3").does(noSync),
	kept("sync_sock_size", anyInt).takes("any number").does(noSync),
	{name: "sync_threshold", get: func(d *Director) string { return d.set.kept["sync_threshold"] }, set: setSyncThreshold,
		values: "two numbers, 0 or more: threshold and period, the first below the second unless that is 0", effect: noSync},
	kept("sync_version", func(n int64) bool { return n == 0 || n == 1 }).takes("0, 1").does(noSync),
}

// Settings returns the names of all settings, sorted.
func (d *Director) Settings() []string {
	var names []string
	for i := range settingTable {
		if settingTable[i].since <= d.kernel {
			names = append(names, settingTable[i].name)
		}
	}
	return names
}

func (d *Director) findSetting(name string) (*setting, error) {
	i := slices.IndexFunc(settingTable, func(s setting) bool { return s.name == name && s.since <= d.kernel })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNoSetting)
	}
	return &settingTable[i], nil
}

// Setting returns the value of a setting under net.ipv4.vs, as its file in
// /proc reads, without the newline.
func (d *Director) Setting(name string) (value string, err error) {
	s, err := d.findSetting(name)
	if err != nil {
		return "", err
	}
	d.View(func(*sched.Table) { value = s.get(d) })
	return value, nil
}

// SetSetting writes it. Errors: ErrNoSetting for a name the kernel doesn't
// have, sched.ErrInvalid for a value it refuses.
func (d *Director) SetSetting(name, value string) error {
	s, err := d.findSetting(name)
	if err != nil {
		return err
	}
	return d.change(func() error {
		if err := s.set(d, strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("%s: %q: %w", name, value, err)
		}
		return nil
	})
}

// since makes a setting one of a version and those that follow.
func since(k Kernel, s setting) setting {
	s.since = k
	return s
}

// between returns what sets a number in a range.
func between(least, most int64, set func(*Director, int)) func(*Director, string) error {
	return func(d *Director, v string) error {
		n, err := parse(v, 32)
		if err != nil || n < least || n > most {
			return sched.ErrInvalid
		}
		set(d, int(n))
		return nil
	}
}

// setCPUList takes the CPUs of the kernel's estimators: numbers and ranges with
// commas between them, shown in order.
//
// Differs: which CPUs there are is not known here; and a stride (0-7:1/2) is not
// taken.
//
// Kernel: lib/bitmap-str.c, bitmap_parselist (7.3).
func setCPUList(d *Director, v string) error {
	const most = 8191
	var on [most + 2]bool
	for _, r := range strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' }) {
		from, to, isRange := strings.Cut(r, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 31)
		b, err2 := strconv.ParseUint(to, 10, 31)
		if err1 != nil || err2 != nil || a > b || b > most {
			return sched.ErrInvalid
		}
		for ; a <= b; a++ {
			on[a] = true
		}
	}
	var ranges []string
	for a := 0; a <= most; a++ {
		if !on[a] {
			continue
		}
		b := a
		for on[b+1] {
			b++
		}
		if a == b {
			ranges = append(ranges, strconv.Itoa(a))
		} else {
			ranges = append(ranges, fmt.Sprintf("%d-%d", a, b))
		}
		a = b
	}
	d.set.kept["est_cpulist"] = strings.Join(ranges, ",")
	return nil
}

// parse reads the first word of a value as the kernel's proc_dointvec does:
// decimal, octal or hexadecimal, of so many bits. What follows is not looked at.
//
// Kernel: kernel/sysctl.c, proc_get_long (6.1).
func parse(v string, bits int) (int64, error) {
	words := strings.Fields(v)
	if len(words) == 0 {
		return 0, sched.ErrInvalid
	}
	// strconv knows forms of numbers that the kernel doesn't.
	if w := strings.ToLower(words[0]); w[0] == '+' || strings.ContainsAny(w, "_o") || strings.HasPrefix(strings.TrimPrefix(w, "-"), "0b") {
		return 0, sched.ErrInvalid
	}
	n, err := strconv.ParseInt(words[0], 0, bits)
	if err != nil {
		return 0, sched.ErrInvalid
	}
	return n, nil
}

func number(name string, at func(*Director) *int) setting {
	return setting{name: name, values: "any number",
		get: func(d *Director) string { return strconv.Itoa(*at(d)) },
		set: func(d *Director, v string) error {
			n, err := parse(v, 32)
			if err == nil {
				*at(d) = int(n)
			}
			return err
		}}
}

func seconds(name string, at func(*Director) *int32) setting {
	return setting{name: name, values: "seconds, -8589934 to 8589934",
		get: func(d *Director) string { return strconv.Itoa(int(*at(d))) },
		set: func(d *Director, v string) error {
			n, err := parse(v, 32)
			if err != nil || !fitsJiffies(n) {
				return sched.ErrInvalid
			}
			*at(d) = int32(n)
			return nil
		}}
}

// fitsJiffies reports whether the kernel can keep so many seconds.
//
// Kernel: kernel/sysctl.c, do_proc_dointvec_jiffies_conv (6.1).
func fitsJiffies(seconds int64) bool {
	const most = math.MaxInt32 / int64(conntrack.HZ)
	return -most <= seconds && seconds <= most
}

// flag is a setting of which only zero or not matters; what is shown is the
// number that was written.
func flag(name string, at func(*Director) *bool) setting {
	return setting{name: name, values: "0: off, other numbers: on",
		get: func(d *Director) string {
			if n, ok := d.set.shown[name]; ok {
				return n
			}
			if *at(d) {
				return "1"
			}
			return "0"
		},
		set: func(d *Director, v string) error {
			n, err := parse(v, 32)
			if err == nil {
				*at(d) = n != 0
				d.set.shown[name] = strconv.FormatInt(n, 10)
			}
			return err
		}}
}

// defense is a mode from 0 to 3 whose change takes effect at once.
//
// Kernel: ip_vs_ctl.c, proc_do_defense_mode (6.1).
func defense(name string, at func(*Director) *int) setting {
	s := number(name, at).takes("0 to 3")
	set := s.set
	s.set = func(d *Director, v string) error {
		old := *at(d)
		if err := set(d, v); err != nil {
			return err
		}
		if n := *at(d); n < 0 || n > 3 {
			*at(d) = old
			return sched.ErrInvalid
		} else if n != old {
			d.updateDefense()
		}
		return nil
	}
	return s
}

func anyInt(n int64) bool { return math.MinInt32 <= n && n <= math.MaxInt32 }

// kept is a setting that is kept and checked, without effect.
func kept(name string, ok func(int64) bool) setting {
	return setting{name: name,
		get: func(d *Director) string { return d.set.kept[name] },
		set: func(d *Director, v string) error {
			n, err := parse(v, 64)
			if err != nil || !ok(n) {
				return sched.ErrInvalid
			}
			d.set.kept[name] = strconv.FormatInt(n, 10)
			return nil
		}}
}

// setSyncThreshold takes one or two numbers; the second, the period, may be left
// as it is.
//
// Kernel: ip_vs_ctl.c, proc_do_sync_threshold (6.1).
func setSyncThreshold(d *Director, v string) error {
	words := strings.Fields(v)
	if len(words) == 0 {
		return sched.ErrInvalid
	}
	now := strings.Fields(d.set.kept["sync_threshold"])
	copy(now, words)
	threshold, err := parse(now[0], 32)
	if err != nil {
		return err
	}
	period, err := parse(now[1], 32)
	if err != nil || threshold < 0 || period < 0 || threshold >= period && period != 0 {
		return sched.ErrInvalid
	}
	d.set.kept["sync_threshold"] = fmt.Sprintf("%d\t%d", threshold, period)
	return nil
}
