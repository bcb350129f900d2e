package lab

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goipvs/internal/replay"
	"goipvs/internal/setup"
)

// corpus is where the recordings of the real kernel lie.
const corpus = "../../testdata/corpus"

// recorded are the cases that the running daemon is put to: some of each way a
// packet can go.
var recorded = []string{
	"nat-onearm", "nat-syn-ports", "nat-udp-nosum", "nat-badsum", "nat-mtu-df",
	"dr-tcp", "dr-udp", "dr-mtu",
	"tun-rs-on-eth0", "tun-icmp-back", "tun-gue-csum", "v6-tun",
	"icmp-rs-errors-tcp", "icmp-client-errors-nat", "v6-icmp-client-errors",
	"hooks-no-dest", "hooks-local-client-udp", "hooks-local-client-dr", "hooks-localnode-udp", "hooks-noforward",
	"hooks-fwmark-dr", "hooks-service-deleted", "v6-fwmark",
	"v6-nat-udp", "v6-local-client",
	"ftp-pasv-other-address", "persist-port0", "sched-rr-mixed", "state-thresholds", "state-weight0",
}

var recordedFlag = flag.String("recorded", "", "shell `pattern` of recorded cases to run instead of a few chosen ones")

// TestRecorded puts recorded cases before the real daemon: the same frames at
// the same times, and out must come what the kernel put out.
func TestRecorded(t *testing.T) {
	needRoot(t)
	names := recorded
	if *recordedFlag != "" {
		dirs, err := filepath.Glob(filepath.Join(corpus, *recordedFlag))
		check(t, err)
		names = nil
		for _, d := range dirs {
			names = append(names, filepath.Base(d))
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c, err := replay.OpenCase(filepath.Join(corpus, name))
			check(t, err)
			check(t, playLive(t, c, dir))
			differences, err := c.Compare(dir)
			check(t, err)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
}

// event is something that a recording has at a time.
type event struct {
	at      time.Duration
	in      *input      // a frame to put in,
	command *setup.Line // or a command to run
	outputs int         // how many frames come out before the next event
}

// events returns a case's frames and commands in order of time, and the names
// of its interfaces.
func events(t *testing.T, c *replay.Case) (all []event, ifaces []replay.CaptureIf) {
	t.Helper()
	ins, ifaces := frames(t, filepath.Join(c.Dir, replay.InFile))
	outs, _ := frames(t, filepath.Join(c.Dir, replay.OutFile))
	timeline, err := setup.ParseTimelineFile(filepath.Join(c.Dir, replay.TimelineFile))
	if !errors.Is(err, fs.ErrNotExist) {
		check(t, err)
	}
	for len(ins)+len(timeline) > 0 {
		if len(ins) == 0 || len(timeline) > 0 && timeline[0].At <= ins[0].at {
			all = append(all, event{at: timeline[0].At, command: &timeline[0]})
			timeline = timeline[1:]
			continue
		}
		all = append(all, event{at: ins[0].at, in: &input{ins[0].to, ins[0].data}})
		ins = ins[1:]
	}
	for i := range all {
		for len(outs) > 0 && (i+1 == len(all) || outs[0].at < all[i+1].at) {
			all[i].outputs++
			outs = outs[1:]
		}
	}
	return all, ifaces
}

// timed is a frame of a capture.
type timed struct {
	output
	at time.Duration
}

func frames(t *testing.T, file string) (all []timed, ifaces []replay.CaptureIf) {
	t.Helper()
	f, err := os.Open(file)
	check(t, err)
	defer f.Close()
	c, err := replay.NewCapture(file, f)
	check(t, err)
	for {
		f, err := c.Next()
		if err == io.EOF {
			return all, c.Interfaces()
		}
		check(t, err)
		all = append(all, timed{output{c.Interfaces()[f.If].Name, bytes.Clone(f.Data)}, f.Time})
	}
}

// playLive puts a case before a running daemon and writes what comes out to
// dir, in the form of recorded cases.
func playLive(t *testing.T, c *replay.Case, dir string) error {
	all, ifaces := events(t, c)
	r := newRig(t, len(ifaces)-1)
	text, err := os.ReadFile(filepath.Join(c.Dir, replay.SetupFile))
	check(t, err)
	r.lab.Plan.Hosts[1].Setup = string(text)
	check(t, r.lab.Direct(t.Context()))
	defer func() {
		if t.Failed() {
			t.Log(r.lab.Daemon.Log())
		}
	}()

	out, err := replay.NewOutDir(dir)
	if err != nil {
		return err
	}
	index := map[string]int{}
	for i, f := range ifaces {
		out.Interface(i, f)
		index[f.Name] = i
	}
	r.take(0, 0, 100*time.Millisecond) // what setting up made
	start := time.Now()
	for _, e := range all {
		time.Sleep(time.Until(start.Add(e.at)))
		switch {
		case e.in != nil:
			if err := r.send(*e.in); err != nil {
				t.Logf("at %v: %v", e.at, err)
			}
		default:
			r.command(t, out, e)
		}
		for i, o := range r.take(e.outputs, time.Second, 2*time.Millisecond) {
			out.Output(index[o.to], e.at+time.Duration(i+1), o.data)
		}
	}
	at := time.Duration(max(c.Meta.End, c.Meta.ConnsAt) * float64(time.Second))
	time.Sleep(time.Until(start.Add(at)))
	for _, l := range []replay.Listing{
		{File: replay.ConnsFile, Command: "ipvsadm -Lnc"},
		{File: replay.ListFile, Command: "ipvsadm -Ln"},
		{File: replay.StatsFile, Command: "ipvsadm -Ln --stats --exact"},
	} {
		if l.File == replay.StatsFile {
			time.Sleep(2300 * time.Millisecond)
		}
		l.Text = r.admin(t, l.Command)
		out.Listing(l)
	}
	return out.Close()
}

// command runs a command of a timeline.
func (r *rig) command(t *testing.T, out *replay.OutDir, e event) {
	t.Helper()
	l := *e.command
	switch c := l.Command.(type) {
	case setup.IPVSAdm:
		text, err := r.lab.Admin(t.Context(), c.Args...)
		if c.Lists() {
			out.Listing(replay.Listing{File: replay.ShowsFile, At: l.At, Command: l.Text, Text: text})
		}
		if err != nil {
			t.Logf("%v: %v", l.Position, err)
		}
	default:
		if err := r.lab.Director().Configure("timeline", l.Text); err != nil {
			t.Log(err)
		}
	}
}

// admin runs an ipvsadm command line.
func (r *rig) admin(t *testing.T, command string) string {
	t.Helper()
	text, err := r.lab.Admin(t.Context(), strings.Fields(command)[1:]...)
	check(t, err)
	return text
}
