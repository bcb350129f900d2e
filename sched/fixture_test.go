package sched

import (
	"fmt"
	"net/netip"
	"testing"

	"goipvs/packet"
)

// The service that most tests use, and its servers 10.0.0.N.
var testSvc = testKey(packet.ProtoTCP, "192.0.2.1:80")

func testAddrPort(s string) (packet.Addr, packet.Family, uint16) {
	ap := netip.MustParseAddrPort(s)
	a, f := packet.AddrFrom(ap.Addr())
	return a, f, ap.Port()
}

func testKey(proto uint8, s string) ServiceKey {
	a, f, port := testAddrPort(s)
	return ServiceKey{Family: f, Protocol: proto, Addr: a, Port: port}
}

func testDest(s string) DestKey {
	a, f, port := testAddrPort(s)
	return DestKey{Family: f, Addr: a, Port: port}
}

// server returns the key of 10.0.0.n:80.
func server(n int) DestKey { return testDest(fmt.Sprintf("10.0.%d.%d:80", n/256, n%256)) }

// newService makes a table with testSvc under a scheduler, and servers 1, 2, …
// of the given weights.
func newService(t testing.TB, scheduler string, flags ServiceFlags, weights ...int32) *Service {
	t.Helper()
	tab := NewTable()
	tab.Twos = true
	s := addService(t, tab, ServiceConfig{ServiceKey: testSvc, Scheduler: scheduler, Flags: flags})
	for i, w := range weights {
		add(t, s, DestConfig{DestKey: server(i + 1), Weight: w})
	}
	return s
}

func addService(t testing.TB, tab *Table, c ServiceConfig) *Service {
	t.Helper()
	s, err := tab.AddService(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *Service, c DestConfig) *Dest {
	t.Helper()
	if err := s.table.AddDest(s.ServiceKey, c); err != nil {
		t.Fatal(err)
	}
	return s.Dest(c.DestKey)
}

func edit(t testing.TB, s *Service, c DestConfig) {
	t.Helper()
	if err := s.table.EditDest(s.ServiceKey, c); err != nil {
		t.Fatal(err)
	}
}

func del(t testing.TB, s *Service, k DestKey) {
	t.Helper()
	if err := s.table.DelDest(s.ServiceKey, k); err != nil {
		t.Fatal(err)
	}
}

// choose returns the last octet of the server chosen for a client, 0 for none.
func choose(s *Service, client string) int {
	r := Request{Protocol: s.Protocol, Dst: s.Addr, DstPort: s.Port, Now: s.table.now}
	r.Src, _, r.SrcPort = testAddrPort(client)
	return octet(s.Schedule(&r))
}

func octet(d *Dest) int {
	if d == nil {
		return 0
	}
	return int(d.Addr[3])
}
