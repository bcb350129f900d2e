package replay

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Error(d)
	}
}

// TestDescribe describes frames of each kind that recordings have.
func TestDescribe(t *testing.T) {
	var out bytes.Buffer
	for _, name := range []string{"dr-mtu", "tun-gre-csum", "tun-icmp-back", "v6-tun", "robust-fragment-df", "state-sctp-persist", "nat-badsum", "hooks-bcast-mcast"} {
		b, err := os.ReadFile(filepath.Join(corpus, name, OutFile))
		if err != nil {
			t.Fatal(err)
		}
		ifs, frames, err := readAll(b)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "# %s\n", name)
		for _, f := range frames[:min(len(frames), 6)] {
			fmt.Fprintf(&out, "%s: %s\n", ifs[f.If].Name, Describe([]byte(f.Data), ifs[f.If].Link, 6080))
		}
	}
	golden(t, "describe.golden", out.Bytes())
}

// nested is a datagram in tunnels in tunnels, deeper than anybody reads.
func nested(n int) []byte {
	h, _ := hex.DecodeString("4500000000000000400400000a0000010a000002")
	return bytes.Repeat(h, n)
}

func TestDescribeOdd(t *testing.T) {
	tests := []struct {
		name, frame string
		link        LinkType
		want        string
	}{
		{"empty", "", LinkRaw, "not IP, length 0: "},
		{"short frame", "0011", LinkEthernet, "short frame 0011"},
		{"ARP", "ffffffffffff0200000000010806" + "0001", LinkEthernet, "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff ethertype 0806 0001"},
		{"cut IPv4", "4500", LinkRaw, "not IP, length 2: 4500"},
		{"header length 0", "4000001400000000400600000a0000010a000002", LinkRaw,
			"IPv4 10.0.0.1 > 10.0.0.2 ttl 64 tos 0x00 id 0 length 20 WRONG HEADER CHECKSUM | TCP 16384 > 20 [] seq 0 ack 1074135040 win 1 sum 0x0a00 WRONG CHECKSUM data 20: " +
				`"@\x00\x00\x14\x00\x00\x00\x00@\x06\x00\x00\n\x00\x00\x01\n\x00\x00\x02"`},
		{"fragment", "45000018000100b9401126300a0000010a00000261626364", LinkRaw,
			"IPv4 10.0.0.1 > 10.0.0.2 ttl 64 tos 0x00 id 1 length 24 WRONG HEADER CHECKSUM fragment at 1480, protocol 17: 61626364"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.frame)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, Describe(b, tt.link, 0)); d != "" {
				t.Error(d)
			}
		})
	}
	if n := len(Describe(nested(100), LinkRaw, 0)); n > 2000 {
		t.Errorf("%d octets about nested datagrams", n)
	}
}

// FuzzDescribe describes and masks anything.
func FuzzDescribe(f *testing.F) {
	f.Add(nested(3), true)
	f.Add([]byte("E\x00\x00\x1c\x00\x00\x00\x00@\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x17\xc0\x17\xc0\x00\x08\x00\x00"), false)
	f.Add([]byte("`\x00\x00\x00\x00\x08,@________________________________\x11\x00\x00\x01\x00\x00\x00\x01"), false)
	f.Fuzz(func(t *testing.T, b []byte, ethernet bool) {
		link := LinkRaw
		if ethernet {
			link = LinkEthernet
		}
		if Describe(b, link, 6080) == "" {
			t.Error("nothing said")
		}
		if m := masked(b, link, []string{"ip.id", "udp.sport", "frag.id"}); len(m) != len(b) {
			t.Error("another length")
		}
		for _, l := range []LinkType{LinkRaw, LinkSLL, LinkSLL2} {
			l.ethernet(b, [6]byte{}, nil)
		}
	})
}
