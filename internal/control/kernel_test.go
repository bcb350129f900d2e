package control

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

var update = flag.Bool("update", false, "write the requests of testdata/kernel.txt anew, without answers, for testdata/record.py")

// bareStack is a machine with a loopback interface and nothing else, as the
// answers were recorded on.
type bareStack struct{ xmit.Stack }

func (bareStack) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	switch {
	case a.IsLoopback(f):
		return xmit.AddrLocal
	case a.IsMulticast(f):
		return xmit.AddrMulticast
	case f == packet.IPv4 && (a[0] == 0 || a.V4() == 1<<32-1):
		return xmit.AddrBroadcast
	case f == packet.IPv6 && a.IsZero():
		return xmit.AddrInvalid
	}
	return xmit.AddrUnicast
}

func newEngine() *Engine {
	e := NewEngine(hooks.New(hooks.Config{Stack: bareStack{}}))
	e.Interface = func(name string) bool { return name == "lo" }
	return e
}

const kernelFile = "testdata/kernel.txt"

// TestKernel puts requests to the engine that were put to a real ip_vs, and
// compares the answers octet for octet.
func TestKernel(t *testing.T) {
	if *update {
		writeRequests(t)
		return
	}
	b, err := os.ReadFile(kernelFile)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(b), "# ")[1:]
	if len(cases) != len(kernelCases()) {
		t.Errorf("%d cases in %s, %d here: run with -update and record anew", len(cases), kernelFile, len(kernelCases()))
	}
	e := newEngine()
	for i, c := range cases {
		name, lines, _ := strings.Cut(c, "\n")
		t.Run(name, func(t *testing.T) {
			var want, got []string
			var req []byte
			for l := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
				b, err := hex.DecodeString(l[2:])
				if err != nil {
					t.Fatal(err)
				}
				if l[0] == '>' {
					req = b
				} else {
					want = append(want, describe(b))
				}
			}
			if d := cmp.Diff(hex.EncodeToString(kernelCases()[i].req), hex.EncodeToString(req)); d != "" {
				t.Fatalf("recorded for another request: %s", d)
			}
			err := e.Handle(req, asker(name), func(b []byte) error {
				got = append(got, describe(b))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-kernel +goipvs)\n%s", d)
			}
		})
	}
}

// asker is who put a request to the kernel, by the case's name.
func asker(name string) Caller {
	c := Caller{CapAck: strings.Contains(name, "capped"), ExtAck: strings.HasPrefix(name, "extended")}
	if strings.HasPrefix(name, "wide") {
		c.DumpSize = 5000
	}
	return c
}

// describe prints a datagram so that differences can be read: each message's
// header and its octets, four a line.
func describe(b []byte) string {
	var s strings.Builder
	for h, m := range messages(b) {
		fmt.Fprintf(&s, "%+v\n", h)
		for at := nlHeader; at < len(m); at += 4 {
			fmt.Fprintf(&s, "  %3d % x\n", at, m[at:min(at+4, len(m))])
		}
	}
	return s.String()
}

func writeRequests(t *testing.T) {
	var s strings.Builder
	for _, c := range kernelCases() {
		fmt.Fprintf(&s, "# %s\n> %x\n", c.name, c.req)
	}
	if err := os.WriteFile(kernelFile, []byte(s.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
