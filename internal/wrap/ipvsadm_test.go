package wrap_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// cases are command lines of ipvsadm with what the real one said on the real
// kernel; ../ipvsadm/testdata/record.sh says what their lines mean.
const cases = "../ipvsadm/testdata"

// The distribution's ipvsadm says, wrapped, what it says on the real kernel.
func TestIpvsadm(t *testing.T) {
	need(t, "ipvsadm")
	files, err := filepath.Glob(filepath.Join(cases, "cases/*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if name == "conns" { // its connections were put into ipvsadm by a library
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reads := name == "proc" || name == "list" // files of /proc
			if _, err := os.Stat("/dev/fuse"); err != nil && reads {
				t.Skip(err)
			}
			s := newSite(t)
			me, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := s.command("--", me)
			if reads {
				cmd = s.command("--files", "--", me)
			}
			cmd.Env = append(os.Environ(), envCase+"="+file)
			got := s.run(cmd)
			if d := cmp.Diff(readCase(t, file), strings.Split(strings.TrimSuffix(got.Out, "\n"), "\n")); d != "" {
				t.Errorf("(-kernel +goipvs):\n%s", d)
			}
		})
	}
}

// runCase is the test program, wrapped: it runs the command lines of a file and
// prints the file anew with what came out.
func runCase(file string) int {
	runtime.LockOSThread()
	if err := otherHosts(); err != nil {
		fmt.Println("hosts:", err)
		return 1
	}
	lines, err := caseLines(file)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for i := 0; i < len(lines); i++ {
		kind, args, _ := strings.Cut(lines[i], " ")
		switch kind {
		case "%":
			fmt.Println(lines[i])
			text, err := os.ReadFile("/proc/net/" + args)
			if err != nil {
				fmt.Println(err)
			}
			show("|", string(text))
		case "$":
			fmt.Println(lines[i])
			var in strings.Builder
			for ; i+1 < len(lines) && strings.HasPrefix(lines[i+1], "<"); i++ {
				fmt.Println(lines[i+1])
				in.WriteString(strings.TrimPrefix(lines[i+1][1:], " ") + "\n")
			}
			runLine(args, in.String())
		case "|", "!", "=":
		default:
			fmt.Println(lines[i])
		}
	}
	return 0
}

func readCase(t *testing.T, file string) []string {
	t.Helper()
	lines, err := caseLines(file)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// reserved are marks that have all bits, and so the one that is the daemon's
// own; it takes no service for them.
var (
	reservedCommand = regexp.MustCompile(`^\$ .*-f (2147483647|4294967295)\b`)
	reservedService = regexp.MustCompile(`^\| (FWM  (2147483647|-1|FFFFFFFF) |-[Aa] -f (2147483647|-1) )`)
)

// caseLines returns the lines of a file but for what is about reserved marks.
func caseLines(file string) (lines []string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	command, service := false, false // reserved
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSuffix(l, "\n")
		output := strings.ContainsAny(l[:min(len(l), 1)], "|!=<")
		if !output {
			command = reservedCommand.MatchString(l)
		}
		service = reservedService.MatchString(l) || service && strings.HasPrefix(l, "|   -> ")
		if !command && !service {
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// otherHosts puts the files of the recording in place of /etc/hosts and
// /etc/services, for this thread and what it starts.
func otherHosts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, name := range []string{"hosts", "services"} {
		from, err := filepath.Abs(filepath.Join(cases, name))
		if err != nil {
			return err
		}
		if err := unix.Mount(from, "/etc/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("/etc/%s: %w", name, err)
		}
	}
	return nil
}

func show(mark, text string) {
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		fmt.Println(strings.TrimSuffix(mark+" "+l, map[bool]string{true: " "}[l == ""]))
	}
}

func runLine(args, in string) {
	cmd := exec.Command("/usr/sbin/ipvsadm", words(args)...)
	cmd.Args[0] = "ipvsadm"
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	_ = cmd.Run() // its exit status is shown
	show("|", out.String())
	show("!", errs.String())
	if c := cmd.ProcessState.ExitCode(); c != 0 {
		fmt.Println("=", c)
	}
}

// words splits a command line at blanks outside of single quotes.
func words(s string) (w []string) {
	for _, m := range regexp.MustCompile(`(?:[^ ']|'[^']*')+`).FindAllString(s, -1) {
		w = append(w, strings.ReplaceAll(m, "'", ""))
	}
	return w
}

// A long session, with a restore of 1,600 lines, prints what it printed on the
// real kernel.
func TestSession(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	s := newSite(t)
	recorded(t, "session/kernel.txt", s.run(s.command("--files", "--", "testdata/session/run.sh")).Out)
}

// What strace sees of ipvsadm's netlink traffic is what it saw on the real
// kernel, attribute by attribute.
func TestTrace(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "strace")
	s := newSite(t)
	s.sh("ipvsadm --set 100 20 31") // as it was when that was recorded
	out := filepath.Join(s.dir, "trace")
	s.wrapped("strace", "-f", "-e", "trace=network", "-v", "-xx", "-s", "8192", "-o", out, "testdata/trace/run.sh")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	recorded(t, "trace/kernel.txt", normal(string(b)))
}

// normal takes what is not the same each time out of a trace: processes, ports,
// sequence numbers, the family's id and descriptors.
func normal(trace string) string {
	var b strings.Builder
	for l := range strings.Lines(trace) {
		if !strings.Contains(l, "msg") || strings.Contains(l, "+++") {
			continue
		}
		for _, r := range []struct{ from, to string }{
			{`^\d+ +`, ""},
			{`(sendmsg|recvmsg)\(\d+`, "${1}(FD"},
			{`nlmsg_seq=\d+`, "nlmsg_seq=S"},
			{`nlmsg_pid=-?\d+`, "nlmsg_pid=P"},
			{`nlmsg_type=(0x[23][0-9a-f]\b|0x3ff|IPVS)[^,]*`, "nlmsg_type=FAM"},
			{`\\x06\\x00\\x01\\x00(\\xff\\x03|\\x[23].\\x00)\\x00\\x00\\x08\\x00\\x03`, "FAMID"},
		} {
			l = regexp.MustCompile(r.from).ReplaceAllString(l, r.to)
		}
		b.WriteString(strings.TrimRight(l, " \n") + "\n")
	}
	return b.String()
}
