package lab

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

// Addresses in FTP's text.
func TestFTPAddresses(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:1025"), netip.MustParseAddrPort("[2001:db8::1]:65535")
	for _, c := range []struct {
		name, text string
		parse      func(string) (netip.AddrPort, error)
		want       netip.AddrPort // the zero AddrPort: no address
	}{
		{"PORT", "192,0,2,1,4,1", parsePORT, v4},
		{"PORT, too few", "192,0,2,1,4", parsePORT, netip.AddrPort{}},
		{"PORT, too large", "192,0,2,256,4,1", parsePORT, netip.AddrPort{}},
		{"EPRT", "|1|192.0.2.1|1025|", parseEPRT, v4},
		{"EPRT, another delimiter", "!2!2001:db8::1!65535!", parseEPRT, v6},
		{"EPRT, the other family", "|2|192.0.2.1|1025|", parseEPRT, netip.AddrPort{}},
		{"EPRT, nothing", "", parseEPRT, netip.AddrPort{}},
		{"227", "227 Entering Passive Mode (192,0,2,1,4,1).", parse227, v4},
		{"227, bare", "227 192,0,2,1,4,1", parse227, netip.AddrPort{}},
		{"229", "229 Extended (|||65535|)", func(s string) (netip.AddrPort, error) { return parse229(s, v6.Addr()) }, v6},
		{"229, no port", "229 Extended (||||)", func(s string) (netip.AddrPort, error) { return parse229(s, v6.Addr()) }, netip.AddrPort{}},
	} {
		got, err := c.parse(c.text)
		if got != c.want || (err == nil) != c.want.IsValid() {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

// What an app reads from others may be anything.
func FuzzApps(f *testing.F) {
	f.Add([]byte("227 Entering Passive Mode (192,0,2,1,4,1)"))
	f.Add([]byte("|1|192.0.2.1|1025|"))
	f.Add([]byte("http=192.0.2.1:80"))
	invite := sipRequest("INVITE", "1@client", 1, netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[2001:db8::1]:5060"))
	f.Add(invite.encode())
	f.Add([]byte{0x80, 0, 8, 0, 0x77, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		text := string(b)
		if a, err := parsePORT(text); err == nil {
			if again, err := parsePORT(ftpNumbers(a)); err != nil || again != a {
				t.Errorf("PORT %v, again %v, %v", a, again, err)
			}
		}
		_, _ = parseEPRT(text)
		_, _ = parse227(text)
		_, _ = parse229(text, netip.IPv6Loopback())
		if s, err := ParseServing(text); err == nil {
			if again, err := ParseServing(s.String()); err != nil || again != s {
				t.Errorf("%v, again %v, %v", s, again, err)
			}
		}
		if m, err := parseSIP(b); err == nil {
			again, err := parseSIP(m.encode())
			again.headers = again.headers[:max(0, len(again.headers)-1)] // Content-Length was added
			if err != nil || again.start != m.start || again.body != m.body || len(again.headers) != len(m.headers) {
				t.Errorf("%q, again %q, %v", m, again, err)
			}
		}
		for _, strip := range []func([]byte) []byte{stripGRE, stripGUE} {
			if in := strip(b); in != nil && !strings.HasSuffix(text, string(in)) {
				t.Error("what is unwrapped is not what was wrapped")
			}
		}
	})
}

// Tunnels' headers come off if they are as they should be.
func TestStrip(t *testing.T) {
	from, to := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")
	in := transport(from, to, packet.ProtoUDP, make([]byte, packet.SizeUDP+5))
	gre := func(flags byte, more ...byte) []byte { return append(append([]byte{flags, 0, 8, 0}, more...), in...) }
	summed := gre(0x80, 0, 0, 0, 0)
	sum := packet.Fold(packet.Sum(summed, 0))
	summed[4], summed[5] = byte(sum>>8), byte(sum)
	wrong := bytes.Clone(summed)
	wrong[5] ^= 1
	for _, c := range []struct {
		name  string
		strip func([]byte) []byte
		b     []byte
		want  []byte
	}{
		{"GRE", stripGRE, gre(0), in},
		{"GRE with checksum", stripGRE, summed, in},
		{"GRE with a wrong checksum", stripGRE, wrong, nil},
		{"GRE with a key", stripGRE, gre(0x20, 0, 0, 0, 0), nil},
		{"GRE cut off", stripGRE, []byte{0, 0, 8}, nil},
		{"GUE", stripGUE, append([]byte{0, packet.ProtoIPIP, 0, 0}, in...), in},
		{"GUE of control", stripGUE, append([]byte{0x20, packet.ProtoIPIP, 0, 0}, in...), nil},
		{"GUE with flags", stripGUE, append([]byte{0, packet.ProtoIPIP, 0, 1}, in...), nil},
		{"GUE with something else", stripGUE, append([]byte{0, packet.ProtoUDP, 0, 0}, in...), nil},
	} {
		if d := cmp.Diff(c.want, c.strip(c.b)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
