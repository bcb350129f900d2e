package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/host"
	"goipvs/internal/ipvsadm"
)

// nameable reports whether a setup file can name an interface.
func nameable(name string) bool { return !strings.ContainsAny(name, "\"'`$|&;<>(){}\\*?# \t") }

// sysctls writes which families are forwarded, and remarks on what an emulated
// host has otherwise.
func (s *shot) sysctls() error {
	for _, x := range []struct{ key, file string }{
		{"net.ipv4.ip_forward", "ipv4/ip_forward"}, {"net.ipv6.conf.all.forwarding", "ipv6/conf/all/forwarding"},
	} {
		if v, ok := readSysctl(x.file); ok && v != "0" {
			s.say("sysctl -w %s=1", x.key)
		}
	}
	for _, l := range s.links {
		if l.loopback {
			continue
		}
		all, _ := readSysctl("ipv4/conf/all/rp_filter")
		if v, ok := readSysctl("ipv4/conf/" + l.name + "/rp_filter"); ok && max(v, all) == "1" {
			s.leave(fmt.Sprintf("net.ipv4.conf.%s.rp_filter=1", l.name), "NOT EMULATED")
		}
	}
	return nil
}

// readSysctl reads a file under /proc/sys/net, of the calling thread's namespace.
func readSysctl(name string) (string, bool) {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net", name))
	return strings.TrimSpace(string(b)), err == nil
}

// ipvs writes settings, services and servers.
func (s *shot) ipvs(v IPVS) error {
	if v.Conn == nil {
		s.say("# REMARK: there is no IPVS here, neither the kernel's nor a running goipvs")
		return nil
	}
	s.say("# %s", v.Name)
	if modules, err := os.ReadFile("/proc/modules"); err == nil && v.Settings == nil && strings.Contains("\n"+string(modules), "\nip_vs_ftp ") {
		s.say("modprobe ip_vs_ftp")
	}
	settings := v.Settings
	if settings == nil {
		settings = kernelSettings()
	}
	s.settings(settings)
	tcp, fin, udp, err := control.NewClient(v.Conn).Timeouts()
	if err != nil {
		return fmt.Errorf("timeouts: %w", err)
	}
	if d := (timeouts{tcp, fin, udp}); d != defaultTimeouts() {
		s.say("ipvsadm --set %d %d %d", tcp/time.Second, fin/time.Second, udp/time.Second)
	}
	rules, err := ipvsadm.Rules(v.Conn)
	if err != nil {
		return fmt.Errorf("services: %w", err)
	}
	for _, r := range rules {
		s.say("ipvsadm %s", r)
	}
	if slices.ContainsFunc(rules, func(r string) bool { return strings.HasPrefix(r, "-A -f ") }) {
		s.say("# REMARK: rules of the firewall that set marks are not read. Add them as")
		s.say("# iptables -t mangle -A PREROUTING -d ADDRESS -p tcp --dport PORT -j MARK --set-mark MARK")
	}
	return nil
}

// kernelSettings are the settings of the kernel's IPVS.
func kernelSettings() (all []control.Setting) {
	names, _ := filepath.Glob("/proc/sys/net/ipv4/vs/*")
	for _, n := range names {
		if v, ok := readSysctl("ipv4/vs/" + filepath.Base(n)); ok {
			all = append(all, control.Setting{Name: filepath.Base(n), Value: v})
		}
	}
	return all
}

// settings writes those that are not as in a new director.
func (s *shot) settings(all []control.Setting) {
	fresh := hooks.New(hooks.Config{Stack: host.New(host.Config{})})
	for _, x := range all {
		usual, err := fresh.Setting(x.Name)
		switch {
		case err == nil && usual == x.Value:
		case err != nil:
			if x.Value != "0" {
				s.leave(fmt.Sprintf("net.ipv4.vs.%s=%s", x.Name, x.Value), "GOIPVS HASN'T IT")
			}
		case strings.ContainsAny(x.Value, " \t"):
			s.leave(fmt.Sprintf("net.ipv4.vs.%s=%s", x.Name, x.Value), "SEVERAL NUMBERS")
		default:
			s.say("sysctl -w net.ipv4.vs.%s=%s", x.Name, x.Value)
		}
	}
}

// timeouts are those of TCP, TCP FIN_WAIT and UDP.
type timeouts [3]time.Duration

func defaultTimeouts() (t timeouts) {
	t[0], t[1], t[2] = hooks.New(hooks.Config{Stack: host.New(host.Config{})}).Timeouts()
	return t
}
