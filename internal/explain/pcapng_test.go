package explain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// TestPcapNG writes captures with comments, and lets Wireshark's tshark read
// them: what came and what left, in order of time, each with its interface, its
// direction and its explanation.
func TestPcapNG(t *testing.T) {
	tshark := packettest.Tool(t, "tshark")
	for _, name := range []string{"nat-onearm", "tun-gue-csum", "state-tcp-local", "v6-frags", "robust-ipheader"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("../../testdata/corpus", name)
			var b bytes.Buffer
			if _, err := Run(openCase(t, dir), NewPcapNG(&b)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "out.pcapng")
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(tshark, "-r", file, "-t", "e", "-T", "fields", "-E", "separator=/t",
				"-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.comment")
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			last := ""
			for line := range strings.Lines(string(out)) {
				f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
				if len(f) != 5 {
					t.Fatalf("%q", line)
				}
				if len(f[2]) == len(last) && f[2] < last {
					t.Errorf("%s comes after %s", f[2], last)
				}
				last = f[2]
				got = append(got, strings.Join([]string{f[0], f[1], f[3], strings.ReplaceAll(f[4], `\n`, "\n")}, " "))
			}
			if d := cmp.Diff(expected(t, dir), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// expected returns what tshark is to show of each frame: interface, direction,
// length, comment.
func expected(t *testing.T, dir string) (all []string) {
	x := &told{}
	if _, err := Run(openCase(t, dir), x); err != nil {
		t.Fatal(err)
	}
	// tshark shows a line's end as it shows a backslash and an n.
	plain := func(s string) string { return strings.ReplaceAll(s, `\n`, "\n") }
	const in, out = "0x00000001", "0x00000002"
	row := func(name, way string, frame []byte, comment string) {
		all = append(all, strings.Join([]string{name, way, strconv.Itoa(len(frame)), plain(comment)}, " "))
	}
	for _, g := range x.passages {
		var b strings.Builder
		if err := trace.WriteText(&b, g, trace.Style{}); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimRight(b.String(), "\n")
		if g.Type == "packet" {
			way := in
			if g.Interface == replay.LocalName {
				way = out
			}
			row(g.Interface, way, g.Frame, text)
		}
		for i, o := range g.Outputs {
			way := out
			if o.Interface == replay.LocalName {
				way = in
			}
			comment := text
			if g.Type == "packet" {
				comment = "On account of packet " + strconv.Itoa(g.N) + ", output " + strconv.Itoa(i+1) + " of " + strconv.Itoa(len(g.Outputs)) + ": " + o.Summary + "\n" + g.Text
			}
			row(o.Interface, way, o.Frame, comment)
		}
	}
	return all
}
