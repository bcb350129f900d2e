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

	// What is kept for the sync daemon, which there is not yet.
	sync map[string]string

	shown map[string]string // flags as they were written
}

func defaultSettings() settings {
	return settings{
		ConnReuseMode: 1, RunEstimation: true, SNATReroute: true,
		AMDropRate: 10, AMemThresh: 1024,
		shown: map[string]string{},
		sync: map[string]string{
			"backup_only": "0", "sync_version": "1", "sync_ports": "1", "sync_qlen_max": "15191", "sync_sock_size": "0",
			"sync_threshold": "3\t50", "sync_refresh_period": "0", "sync_retries": "0", "sync_persist_mode": "0",
		},
	}
}

// setting binds a name under net.ipv4.vs to what it sets.
type setting struct {
	name string
	get  func(*Director) string
	set  func(*Director, string) error
}

// The table of settings, by name. Values, ranges and defaults are the kernel's.
//
// Kernel: ip_vs_ctl.c, vs_vars (6.1).
var settingTable = []setting{
	number("am_droprate", func(d *Director) *int { return &d.set.AMDropRate }),
	number("amemthresh", func(d *Director) *int { return &d.set.AMemThresh }),
	synced("backup_only", anyInt),
	flag("cache_bypass", func(d *Director) *bool { return &d.set.CacheBypass }),
	number("conn_reuse_mode", func(d *Director) *int { return &d.set.ConnReuseMode }),
	flag("conntrack", func(d *Director) *bool { return &d.set.Conntrack }),
	defense("drop_entry", func(d *Director) *int { return &d.set.DropEntry }),
	defense("drop_packet", func(d *Director) *int { return &d.set.DropPacket }),
	flag("expire_nodest_conn", func(d *Director) *bool { return &d.set.ExpireNoDestConn }),
	flag("expire_quiescent_template", func(d *Director) *bool { return &d.set.ExpireQuiescentTemplate }),
	flag("ignore_tunneled", func(d *Director) *bool { return &d.set.IgnoreTunneled }),
	seconds("lblc_expiration", func(d *Director) *int32 { return &d.table.Settings.LBLCExpiration }),
	seconds("lblcr_expiration", func(d *Director) *int32 { return &d.table.Settings.LBLCRExpiration }),
	flag("nat_icmp_send", func(d *Director) *bool { return &d.set.NATICMPSend }),
	flag("pmtu_disc", func(d *Director) *bool { return &d.xmit.PMTUDisc }),
	flag("run_estimation", func(d *Director) *bool { return &d.set.RunEstimation }),
	flag("schedule_icmp", func(d *Director) *bool { return &d.set.ScheduleICMP }),
	defense("secure_tcp", func(d *Director) *int { return &d.set.SecureTCP }),
	flag("sloppy_sctp", func(d *Director) *bool { return &d.set.SloppySCTP }),
	flag("sloppy_tcp", func(d *Director) *bool { return &d.set.SloppyTCP }),
	flag("snat_reroute", func(d *Director) *bool { return &d.set.SNATReroute }),
	synced("sync_persist_mode", anyInt),
	synced("sync_ports", func(n int64) bool { return n >= 1 && n <= 1<<30 && n&(n-1) == 0 }),
	synced("sync_qlen_max", func(n int64) bool { return n >= 0 }),
	synced("sync_refresh_period", fitsJiffies),
	synced("sync_retries", func(n int64) bool { return n >= 0 && n <= 3 }),
	synced("sync_sock_size", anyInt),
	{"sync_threshold", func(d *Director) string { return d.set.sync["sync_threshold"] }, setSyncThreshold},
	synced("sync_version", func(n int64) bool { return n == 0 || n == 1 }),
}

// Settings returns the names of all settings, sorted.
func Settings() []string {
	names := make([]string, len(settingTable))
	for i := range settingTable {
		names[i] = settingTable[i].name
	}
	return names
}

func findSetting(name string) (*setting, error) {
	i := slices.IndexFunc(settingTable, func(s setting) bool { return s.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNoSetting)
	}
	return &settingTable[i], nil
}

// Setting returns the value of a setting under net.ipv4.vs, as its file in
// /proc reads, without the newline.
func (d *Director) Setting(name string) (value string, err error) {
	s, err := findSetting(name)
	if err != nil {
		return "", err
	}
	d.View(func(*sched.Table) { value = s.get(d) })
	return value, nil
}

// SetSetting writes it. Errors: ErrNoSetting for a name the kernel doesn't
// have, sched.ErrInvalid for a value it refuses.
func (d *Director) SetSetting(name, value string) error {
	s, err := findSetting(name)
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
	return setting{name,
		func(d *Director) string { return strconv.Itoa(*at(d)) },
		func(d *Director, v string) error {
			n, err := parse(v, 32)
			if err == nil {
				*at(d) = int(n)
			}
			return err
		}}
}

func seconds(name string, at func(*Director) *int32) setting {
	return setting{name,
		func(d *Director) string { return strconv.Itoa(int(*at(d))) },
		func(d *Director, v string) error {
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
	return setting{name,
		func(d *Director) string {
			if n, ok := d.set.shown[name]; ok {
				return n
			}
			if *at(d) {
				return "1"
			}
			return "0"
		},
		func(d *Director, v string) error {
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
	s := number(name, at)
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

// synced is a setting of the sync daemon: kept and checked, without effect.
func synced(name string, ok func(int64) bool) setting {
	return setting{name,
		func(d *Director) string { return d.set.sync[name] },
		func(d *Director, v string) error {
			n, err := parse(v, 64)
			if err != nil || !ok(n) {
				return sched.ErrInvalid
			}
			d.set.sync[name] = strconv.FormatInt(n, 10)
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
	now := strings.Fields(d.set.sync["sync_threshold"])
	copy(now, words)
	threshold, err := parse(now[0], 32)
	if err != nil {
		return err
	}
	period, err := parse(now[1], 32)
	if err != nil || threshold < 0 || period < 0 || threshold >= period && period != 0 {
		return sched.ErrInvalid
	}
	d.set.sync["sync_threshold"] = fmt.Sprintf("%d\t%d", threshold, period)
	return nil
}
