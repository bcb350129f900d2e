package replay

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const services = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  203.0.113.10:80 rr
  -> 10.1.0.11:8080               Masq    1      1          0
  -> 10.1.0.12:8080               Masq    1      0          0
UDP  203.0.113.10:53 wlc
  -> 10.1.0.11:53                 Route   1      0          7
`

const connections = `IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:59  ESTABLISHED 198.51.100.2:10000 203.0.113.10:80    10.1.0.11:80
TCP 01:58  FIN_WAIT    198.51.100.1:10000 203.0.113.10:80    10.1.0.11:80
`

func TestCompareListing(t *testing.T) {
	tests := []struct {
		name      string
		conns     bool
		want, got string
		diff      []string
	}{
		{"same services", false, services, services, nil},
		{"other order and spacing", false, services, `
UDP 203.0.113.10:53 wlc
  -> 10.1.0.11:53 Route 1 0 7
TCP 203.0.113.10:80 rr
  -> 10.1.0.12:8080 Masq 1 0 0
  -> 10.1.0.11:8080 Masq 1 1 0
`, nil},
		{"other count", false, services, `
UDP 203.0.113.10:53 wlc
  -> 10.1.0.11:53 Route 1 0 8
TCP 203.0.113.10:80 rr
  -> 10.1.0.12:8080 Masq 1 0 0
  -> 10.1.0.11:8080 Masq 1 1 0
`, []string{"x line 5\n    want -> 10.1.0.11:53 Route 1 0 7\n    got  -> 10.1.0.11:53 Route 1 0 8"}},
		{"no services", false, services, "", []string{"x line 1\n    want TCP 203.0.113.10:80 rr\n    got  (nothing)"}},
		{"text", false, "Timeout (tcp tcpfin udp): 900 120 300\n", "Timeout (tcp  tcpfin udp): 900 120 301\n",
			[]string{"x line 1\n    want Timeout (tcp tcpfin udp): 900 120 300\n    got  Timeout (tcp tcpfin udp): 900 120 301"}},
		{"same connections", true, connections, connections, nil},
		{"3 s apart", true, connections, `
TCP 01:55  FIN_WAIT    198.51.100.1:10000 203.0.113.10:80    10.1.0.11:80
TCP 15:02  ESTABLISHED 198.51.100.2:10000 203.0.113.10:80    10.1.0.11:80
`, nil},
		{"4 s apart", true, connections, `
TCP 01:54  FIN_WAIT    198.51.100.1:10000 203.0.113.10:80    10.1.0.11:80
TCP 15:03  ESTABLISHED 198.51.100.2:10000 203.0.113.10:80    10.1.0.11:80
`, []string{
			"x: TCP ESTABLISHED 198.51.100.2:10000 203.0.113.10:80 10.1.0.11:80 expires in 903 s, want 899 s",
			"x: TCP FIN_WAIT 198.51.100.1:10000 203.0.113.10:80 10.1.0.11:80 expires in 114 s, want 118 s",
		}},
		{"another connection", true, connections, `
TCP 01:58  FIN_WAIT    198.51.100.1:10000 203.0.113.10:80    10.1.0.11:80
TCP 14:59  ESTABLISHED 198.51.100.2:10000 203.0.113.10:80    10.1.0.12:80
`, []string{
			"x: missing      TCP ESTABLISHED 198.51.100.2:10000 203.0.113.10:80 10.1.0.11:80",
			"x: not expected TCP ESTABLISHED 198.51.100.2:10000 203.0.113.10:80 10.1.0.12:80",
		}},
		{"twice", true, connections, connections + "TCP 14:59  ESTABLISHED 198.51.100.2:10000 203.0.113.10:80    10.1.0.11:80\n", []string{
			"x: not expected TCP ESTABLISHED 198.51.100.2:10000 203.0.113.10:80 10.1.0.11:80",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.diff, compareListing("x", tt.conns, tt.want, tt.got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCompareShows(t *testing.T) {
	a := "# at 0.5 ipvsadm -Ln\n" + services + "\n# at 1.5 ipvsadm -Lnc\n" + connections
	if d := compareShows(a, a); d != nil {
		t.Error(d)
	}
	got := compareShows(a, "# at 0.5 ipvsadm -Ln\n"+services)
	if d := cmp.Diff([]string{"shows.txt: 1 listings, want 2"}, got); d != "" {
		t.Error(d)
	}
	got = compareShows(a, "# at 0.5 ipvsadm -Ln\n"+services+"\n# at 1.5 ipvsadm -Lnc\n")
	if len(got) != 2 {
		t.Error(got)
	}
}

func TestSortConns(t *testing.T) {
	text := `IPVS connection entries
pro expire state       source             virtual            destination
UDP 04:58  UDP         198.51.100.1:10000 203.0.113.10:53    10.1.0.11:53
TCP 14:59  ESTABLISHED 198.51.100.10:9    203.0.113.10:80    10.1.0.11:80
TCP 14:50  ESTABLISHED 198.51.100.10:10   203.0.113.10:80    10.1.0.11:80
TCP 00:50  NONE        198.51.100.10:0    203.0.113.10:80    10.1.0.11:80
TCP 00:49  NONE        198.51.100.10:0    203.0.113.10:80    10.1.0.11:80
TCP 14:40  ESTABLISHED 198.51.100.10:9    203.0.113.10:80    10.1.0.11:80
`
	want := `IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:50  ESTABLISHED 198.51.100.10:10   203.0.113.10:80    10.1.0.11:80
TCP 14:40  ESTABLISHED 198.51.100.10:9    203.0.113.10:80    10.1.0.11:80
TCP 00:50  NONE        198.51.100.10:0    203.0.113.10:80    10.1.0.11:80
TCP 00:49  NONE        198.51.100.10:0    203.0.113.10:80    10.1.0.11:80
UDP 04:58  UDP         198.51.100.1:10000 203.0.113.10:53    10.1.0.11:53
`
	if d := cmp.Diff(want, sortConns(text)); d != "" {
		t.Error(d)
	}
	for _, s := range []string{"", "a\n", "a\nb\n"} {
		if got := sortConns(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}
