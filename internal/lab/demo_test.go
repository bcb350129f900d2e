package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvs/packet"
)

// runLab runs `goipvs lab ARGS…` with a directory of its own for what it makes,
// which must be empty afterwards, and returns what it printed.
func runLab(t *testing.T, as *syscall.Credential, args ...string) string {
	t.Helper()
	cmd, out := labCommand(t, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if err := cmd.Run(); err != nil {
		t.Errorf("lab %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out.String()
}

func labCommand(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	dir, err := os.MkdirTemp("", "goipvs-demo-")
	check(t, err)
	check(t, os.Chmod(dir, 0o777))
	t.Cleanup(func() {
		if left, err := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 || err != nil {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if pids := processesOf(dir); len(pids) > 0 {
			t.Errorf("still running: %v", pids)
		}
		os.RemoveAll(dir)
	})
	cmd := exec.Command(self, append([]string{"lab"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// Every scenario runs from end to end, and says what it should.
func TestDemo(t *testing.T) {
	needRoot(t)
	for _, s := range Scenarios {
		for _, f := range families {
			t.Run(fmt.Sprint(s, " ", f), func(t *testing.T) {
				t.Parallel()
				checkDemo(t, s, f, runLab(t, nil, string(s), fmt.Sprintf("-%d", f)))
			})
		}
	}
}

// checkDemo looks for the facts in what a demonstration printed.
func checkDemo(t *testing.T, s Scenario, f packet.Family, out string) {
	t.Helper()
	p := NewPlan(s, f)
	wants := []string{
		s.Title(),
		fmt.Sprintf("-a %s %v", s.services()[0].flag, p.Service()),
		"director$ ipvsadm -Ln\nIP Virtual Server version",
		"director$ ipvsadm -Lnc",
		"director$ ipvsadm -Ln --stats\nIP Virtual Server version",
	}
	if s.possible() != nil {
		wants = append(wants, "This machine can't show it live: the kernel has no SCTP sockets.")
	} else {
		wants = append(wants, happens(s, p)...)
	}
	for _, want := range append(wants, explained(s, f)...) {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing from:\n%s", want, out)
		}
	}
}

// happens is what is seen of real traffic.
func happens(s Scenario, p Plan) []string {
	v6 := p.Family == packet.IPv6
	switch s {
	case SCTP:
		return []string{fmt.Sprintf("client sends messages to %v", p.Service()), "6  server1 at"}
	case FTP:
		passive, active, server := "227 Entering Passive Mode (203,0,113,10,", "> PORT 192,0,2,100,", "      227 Entering Passive Mode (10,1,0,13,"
		if v6 {
			passive, active, server = "229 Entering Extended Passive Mode (|||", "> EPRT |2|2001:db8:a::100|", "      229 Entering Extended Passive Mode (|||"
		}
		return []string{passive, active, server, fmt.Sprintf("    the file, from %v:\n", netip.AddrPortFrom(p.VIP, 20)), "server2 at"}
	case SIP:
		return []string{
			"1  INVITE  Call-ID call1@client  server3\n", "1  BYE     Call-ID call1@client  server3, asked from",
			"6  INVITE  Call-ID call6@client  server1\n", "6  BYE     Call-ID call6@client  server1, asked from",
			fmt.Sprintf("NOTIFY  Call-ID server3-1 from %v", p.Service()), ": the NOTIFY was answered\n",
		}
	case Local:
		return []string{fmt.Sprintf("client asks http://%v/:", p.Web()), "6  director"}
	}
	return []string{fmt.Sprintf("client asks http://%v/:", p.Web()), "6  server1"}
}

// explained is what is told of packets' ways through the hooks.
func explained(s Scenario, f packet.Family) []string {
	all := []string{map[Scenario]string{DR: "ip_vs_dr_xmit", Tunnel: "ip_vs_tunnel_xmit"}[s]}
	if !s.straight() {
		all = []string{"ip_vs_nat_xmit"}
	}
	switch s {
	case FTP:
		answer := map[packet.Family]string{packet.IPv4: "PASV", packet.IPv6: "EPSV"}[f]
		return append(all, "The server's answer to "+answer+" on its way", "data connection that it speaks of:", "LISTEN → SYN_RECV")
	case SIP:
		return append(all, "A call's next request, from another port", "ip_vs_ct_in_get", "And a request of a server's own:")
	case SCTP:
		return append(all, "An association's first packet", "The answer's:", "C-SENT → C-REPLIED")
	case NAT, Local:
		all = append(all, "And the reply's:\n")
	}
	return append(all, "ip_vs_rr_schedule", "out        by eth1")
}

// Where the machine can't, the same is shown by replay.
func TestInstead(t *testing.T) {
	for _, s := range Scenarios {
		for _, f := range families {
			t.Run(fmt.Sprint(s, " ", f), func(t *testing.T) {
				var out strings.Builder
				d := &demo{out: &out, plan: NewPlan(s, f)}
				if err := d.instead(&MissingError{"the kernel has no veth interfaces"}); err != nil {
					t.Error(err)
				}
				wants := []string{
					"This machine can't show it live: the kernel has no veth interfaces.",
					"  6  ",
					"director$ ipvsadm -Ln\nIP Virtual Server version",
					"director$ ipvsadm -Ln --stats\nIP Virtual Server version",
					"director$ ipvsadm " + s.listings()[1] + "\nIPVS connection entries",
				}
				for _, want := range append(wants, explained(s, f)...) {
					if !strings.Contains(out.String(), want) {
						t.Errorf("%q is missing from:\n%s", want, out.String())
					}
				}
			})
		}
	}
	d := &demo{out: io.Discard, plan: NewPlan(NAT, packet.IPv4)}
	if err := d.instead(errors.New("the daemon is broken")); err == nil {
		t.Error("a broken daemon is no error")
	}
}

// An ordinary user sees the same, in a user namespace.
func TestDemoUnprivileged(t *testing.T) {
	needRoot(t) // to become somebody else
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	for _, s := range []Scenario{NAT, Tunnel, FTP, SIP} {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			checkDemo(t, s, packet.IPv4, runLab(t, nobody, string(s)))
		})
	}
}

// Ctrl-C ends everything.
func TestDemoInterrupted(t *testing.T) {
	needRoot(t)
	for _, after := range []time.Duration{0, 100, 300, 1000} {
		t.Run((after * time.Millisecond).String(), func(t *testing.T) {
			t.Parallel()
			cmd, out := labCommand(t, "nat")
			r, w, err := os.Pipe()
			check(t, err)
			defer r.Close()
			cmd.Stdout = w
			check(t, cmd.Start())
			check(t, w.Close())
			_, err = r.Read(make([]byte, 1)) // it has begun
			check(t, err)
			go func() { _, _ = io.Copy(io.Discard, r) }()
			time.Sleep(after * time.Millisecond)
			check(t, cmd.Process.Signal(syscall.SIGINT))
			err = cmd.Wait()
			if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 1 {
				t.Errorf("ended with %v:\n%s", err, out)
			}
		})
	}
}

// A reader that goes away ends everything, too.
func TestDemoPiped(t *testing.T) {
	needRoot(t)
	cmd, _ := labCommand(t, "nat")
	r, w, err := os.Pipe()
	check(t, err)
	cmd.Stdout = w
	check(t, cmd.Start())
	check(t, w.Close())
	_, err = r.Read(make([]byte, 1))
	check(t, err)
	check(t, r.Close())
	if e, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || e.ExitCode() != 1 {
		t.Errorf("ended with %v", e)
	}
}

// processesOf returns the processes that log to a directory.
func processesOf(dir string) (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/fd/2")
	for _, file := range all {
		if log, err := os.Readlink(file); err == nil && strings.HasPrefix(log, dir) {
			pids = append(pids, file)
		}
	}
	return pids
}

// What --keep leaves can be entered, and --remove removes it.
func TestDemoKeep(t *testing.T) {
	needRoot(t)
	if names, _ := filepath.Glob(filepath.Join(netnsDir, namePrefix+"*")); len(names) > 0 {
		t.Fatalf("somebody keeps a laboratory: %v", names)
	}
	cmd, out := labCommand(t, "dr", "--keep")
	check(t, cmd.Run())
	t.Cleanup(func() { _, _ = Remove() })
	names, err := filepath.Glob(filepath.Join(netnsDir, namePrefix+"*"))
	check(t, err)
	if len(names) != 6 {
		t.Errorf("kept: %v", names)
	}
	for _, want := range []string{"ip netns exec goipvs-client", "goipvs lab --remove"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing from:\n%s", want, out)
		}
	}
	f, err := os.Open(filepath.Join(netnsDir, namePrefix+"client"))
	check(t, err)
	client := &Netns{name: "client", file: f}
	defer client.Close()
	if a, err := Get(t.Context(), client, NewPlan(DR, packet.IPv4).Web()); err != nil {
		t.Errorf("%+v, %v", a, err)
	}
	removed, _ := labCommand(t, "--remove")
	check(t, removed.Run())
	if names, _ := filepath.Glob(filepath.Join(netnsDir, namePrefix+"*")); len(names) > 0 {
		t.Errorf("not removed: %v", names)
	}
}
