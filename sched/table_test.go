package sched

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

// Features: S9, SC14.
func TestServiceErrors(t *testing.T) {
	good := ServiceConfig{ServiceKey: testSvc, Scheduler: "rr"}
	v6 := ServiceConfig{ServiceKey: testKey(packet.ProtoTCP, "[2001:db8::1]:80"), Scheduler: "rr", Netmask: 128}
	with := func(c ServiceConfig, f func(*ServiceConfig)) ServiceConfig {
		f(&c)
		return c
	}
	for _, tt := range []struct {
		name      string
		config    ServiceConfig
		add, edit error
	}{
		{"known", with(good, func(c *ServiceConfig) { c.Scheduler = "none" }), ErrServiceExists, nil},
		{"known with bad scheduler", with(good, func(c *ServiceConfig) { c.Scheduler = "x" }), ErrServiceExists, ErrNoScheduler},
		{"new", with(good, func(c *ServiceConfig) { c.Port = 81 }), nil, ErrNoService},
		{"IPv6", v6, nil, ErrNoService},
		{"prefix 0", with(v6, func(c *ServiceConfig) { c.Netmask = 0 }), ErrInvalid, ErrNoService},
		{"prefix 129", with(v6, func(c *ServiceConfig) { c.Netmask = 129 }), ErrInvalid, ErrNoService},
		{"scheduler before prefix", with(v6, func(c *ServiceConfig) { c.Scheduler, c.Netmask = "", 0 }), ErrNoScheduler, ErrNoService},
		{"twos", with(v6, func(c *ServiceConfig) { c.Scheduler = "twos" }), ErrNoScheduler, ErrNoService},
		{"sip", with(v6, func(c *ServiceConfig) { c.PE = "sip" }), nil, ErrNoService},
		{"unknown engine before prefix", with(v6, func(c *ServiceConfig) { c.PE, c.Netmask = "xmpp", 0 }), ErrNoScheduler, ErrNoService},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab := NewTable()
			addService(t, tab, good)
			if err := tab.EditService(tt.config); !errors.Is(err, tt.edit) {
				t.Errorf("edit: %v, want %v", err, tt.edit)
			}
			if s, err := tab.AddService(tt.config); !errors.Is(err, tt.add) || (s == nil) != (err != nil) {
				t.Errorf("add: %v, want %v", err, tt.add)
			}
		})
	}
}

// Features: S9.
func TestDestErrors(t *testing.T) {
	good := DestConfig{DestKey: server(1), Weight: 1}
	with := func(f func(*DestConfig)) DestConfig {
		c := good
		f(&c)
		return c
	}
	for _, tt := range []struct {
		name      string
		config    DestConfig
		add, edit error
	}{
		{"known", good, ErrDestExists, nil},
		{"new", with(func(c *DestConfig) { c.Port = 81 }), nil, ErrNoDest},
		{"weight before existence", with(func(c *DestConfig) { c.Weight = -1 }), ErrRange, ErrRange},
		{"lower above upper", with(func(c *DestConfig) { c.Port, c.Lower = 81, 1 }), ErrRange, ErrRange},
		{"thresholds equal", with(func(c *DestConfig) { c.Port, c.Upper, c.Lower = 81, 1, 1 }), nil, ErrNoDest},
		{"largest threshold", with(func(c *DestConfig) { c.Port, c.Upper = 81, math.MaxInt32 }), nil, ErrNoDest},
		{"threshold too large", with(func(c *DestConfig) { c.Port, c.Upper = 81, math.MaxInt32+1 }), ErrInvalid, ErrInvalid},
		{"range before validity", with(func(c *DestConfig) { c.Upper, c.Lower = math.MaxInt32+1, math.MaxInt32+2 }), ErrRange, ErrRange},
		{"GUE without port", with(func(c *DestConfig) { c.Port, c.TunType = 81, TunGUE }), ErrInvalid, ErrInvalid},
		{"bad address", with(func(c *DestConfig) { c.Addr = packet.Addr4(0xe0000001) }), ErrInvalid, ErrNoDest},
		{"range before address", with(func(c *DestConfig) { c.Addr, c.Weight = packet.Addr4(0xe0000001), -1 }), ErrRange, ErrRange},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, "rr", 0)
			s.table.ValidAddr = func(f packet.Family, a packet.Addr) bool { return !a.IsMulticast(f) }
			add(t, s, good)
			if err := s.table.EditDest(testSvc, tt.config); !errors.Is(err, tt.edit) {
				t.Errorf("edit: %v, want %v", err, tt.edit)
			}
			if err := s.table.AddDest(testSvc, tt.config); !errors.Is(err, tt.add) {
				t.Errorf("add: %v, want %v", err, tt.add)
			}
		})
	}
}

// Features: S9.
func TestNoSuch(t *testing.T) {
	s := newService(t, "rr", 0, 1)
	tab, other := s.table, ServiceKey{Family: packet.IPv4, FWMark: 1}
	for name, got := range map[string]error{
		"DelService": tab.DelService(other),
		"AddDest":    tab.AddDest(other, DestConfig{Weight: -1}),
		"EditDest":   tab.EditDest(other, DestConfig{Weight: -1}),
		"DelDest":    tab.DelDest(other, server(1)),
		"Zero":       tab.Zero(other),
	} {
		if !errors.Is(got, ErrNoService) {
			t.Errorf("%s: %v, want %v", name, got, ErrNoService)
		}
	}
	if err := tab.DelDest(testSvc, server(2)); !errors.Is(err, ErrNoDest) {
		t.Errorf("DelDest: %v, want %v", err, ErrNoDest)
	}
}

// Features: S2.
func TestFind(t *testing.T) {
	tab := NewTable()
	for _, k := range []ServiceKey{
		testKey(packet.ProtoTCP, "192.0.2.1:80"),
		testKey(packet.ProtoTCP, "192.0.2.2:21"),
		testKey(packet.ProtoTCP, "192.0.2.3:21"),
		testKey(packet.ProtoTCP, "192.0.2.3:0"),
		testKey(packet.ProtoUDP, "192.0.2.3:0"),
		testKey(packet.ProtoTCP, "[2001:db8::1]:80"),
		{Family: packet.IPv4, FWMark: 7},
		{Family: packet.IPv6, FWMark: 8},
	} {
		addService(t, tab, ServiceConfig{ServiceKey: k, Scheduler: "rr", Netmask: 128})
	}
	const tcp, udp = packet.ProtoTCP, packet.ProtoUDP
	for _, tt := range []struct {
		name  string
		mark  uint32
		proto uint8
		to    string
		want  string
	}{
		{"exact", 0, tcp, "192.0.2.1:80", "TCP 192.0.2.1:80"},
		{"other protocol", 0, udp, "192.0.2.1:80", "none"},
		{"other port", 0, tcp, "192.0.2.1:81", "none"},
		{"IPv6", 0, tcp, "[2001:db8::1]:80", "TCP [2001:db8::1]:80"},
		{"mark first", 7, tcp, "192.0.2.1:80", "FWM 7"},
		{"mark without service", 9, tcp, "192.0.2.1:80", "TCP 192.0.2.1:80"},
		{"mark of the other family", 8, tcp, "192.0.2.1:80", "TCP 192.0.2.1:80"},
		{"mark, IPv6", 8, udp, "[2001:db8::9]:9", "FWM 8 IPv6"},
		{"FTP data", 0, tcp, "192.0.2.2:20", "TCP 192.0.2.2:21"},
		{"FTP passive", 0, tcp, "192.0.2.2:1024", "TCP 192.0.2.2:21"},
		{"FTP, privileged port", 0, tcp, "192.0.2.2:1023", "none"},
		{"FTP, UDP", 0, udp, "192.0.2.2:1024", "none"},
		{"FTP elsewhere", 0, tcp, "192.0.2.1:1024", "none"},
		{"FTP before catch-all", 0, tcp, "192.0.2.3:20", "TCP 192.0.2.3:21"},
		{"catch-all", 0, tcp, "192.0.2.3:1023", "TCP 192.0.2.3:0"},
		{"catch-all, UDP", 0, udp, "192.0.2.3:5000", "UDP 192.0.2.3:0"},
		{"catch-all, SCTP", 0, packet.ProtoSCTP, "192.0.2.3:5000", "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, f, port := testAddrPort(tt.to)
			got := "none"
			if s := tab.Find(f, tt.mark, tt.proto, a, port); s != nil {
				got = s.ServiceKey.String()
			}
			if got != tt.want {
				t.Errorf("found %s, want %s", got, tt.want)
			}
		})
	}
}

// Features: S1.
func TestServicesOrder(t *testing.T) {
	tab := NewTable()
	// By proto^addr^port>>8^port: 6^1^80 = 0x57, 17^1^80 = 0x40, 6^1^336>>8^336 = 0x56.
	for _, k := range []ServiceKey{
		{Family: packet.IPv4, FWMark: 0x102},
		{Family: packet.IPv4, FWMark: 1},
		{Family: packet.IPv6, FWMark: 2},
		testKey(packet.ProtoTCP, "0.0.0.1:80"),
		testKey(packet.ProtoTCP, "0.0.0.0:81"),
		testKey(packet.ProtoUDP, "0.0.0.1:80"),
		testKey(packet.ProtoTCP, "0.0.0.1:336"),
	} {
		addService(t, tab, ServiceConfig{ServiceKey: k, Scheduler: "none", Netmask: 64})
	}
	var got []string
	for _, s := range tab.Services() {
		got = append(got, s.ServiceKey.String())
	}
	want := []string{
		"UDP 0.0.0.1:80",
		"TCP 0.0.0.1:336",
		"TCP 0.0.0.0:81",
		"TCP 0.0.0.1:80",
		"FWM 1",
		"FWM 2 IPv6",
		"FWM 258",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := tab.NumServices(packet.IPv4); n != 6 {
		t.Errorf("%d IPv4 services", n)
	}
	tab.Flush()
	if len(tab.Services()) != 0 || tab.NumServices(packet.IPv4) != 0 || tab.NumServices(packet.IPv6) != 0 {
		t.Error("services after Flush")
	}
}

func TestConnOut(t *testing.T) {
	tab := NewTable()
	sip := ServiceConfig{ServiceKey: testSvc, Scheduler: "rr", PE: "sip", Flags: Persistent}
	none := sip
	none.PE = ""
	addService(t, tab, none)
	check := func(step string, want bool) {
		t.Helper()
		if got := tab.ConnOut(); got != want {
			t.Errorf("%s: %v", step, got)
		}
	}
	check("without engine", false)
	for _, c := range []ServiceConfig{sip, sip, none, sip} {
		if err := tab.EditService(c); err != nil {
			t.Fatal(err)
		}
		check("edited", c.PE != "")
	}
	if err := tab.DelService(testSvc); err != nil {
		t.Fatal(err)
	}
	check("deleted", false)
}

// Features: S5, S8.
func TestEditServiceKeepsScheduler(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1, 1)
	choose(s, "10.9.9.9:1")
	if err := s.table.EditService(ServiceConfig{ServiceKey: testSvc, Scheduler: "rr", Flags: OnePacket | Hashed, Timeout: 9}); err != nil {
		t.Fatal(err)
	}
	if got := choose(s, "10.9.9.9:1"); got != 2 || s.Flags != OnePacket || s.Timeout != 9 {
		t.Errorf("chose %d, flags %#x, timeout %d", got, s.Flags, s.Timeout)
	}
	for _, name := range []string{"wlc", "none", "rr"} {
		if err := s.table.EditService(ServiceConfig{ServiceKey: testSvc, Scheduler: name}); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"wlc": 3, "none": 0, "rr": 3}[name]
		if got := choose(s, "10.9.9.9:1"); got != want {
			t.Errorf("%s: chose %d, want %d", name, got, want)
		}
	}
}

// Features: S1.
func TestMarkKeyIsTheMark(t *testing.T) {
	tab := NewTable()
	k := testSvc
	k.FWMark = 5
	s := addService(t, tab, ServiceConfig{ServiceKey: k, Scheduler: "rr"})
	if want := (ServiceKey{Family: packet.IPv4, FWMark: 5}); s.ServiceKey != want {
		t.Errorf("key %v", s.ServiceKey)
	}
	if _, err := tab.AddService(ServiceConfig{ServiceKey: s.ServiceKey, Scheduler: "rr"}); !errors.Is(err, ErrServiceExists) {
		t.Errorf("added twice: %v", err)
	}
}
