package sched

import (
	"cmp"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"goipvs/packet"
)

// order is the kernel's order of services.
func (m *model) order() []*modelService {
	bucket := func(k ServiceKey) int {
		if k.FWMark != 0 {
			return 256 + int(k.FWMark&0xff)
		}
		b := byte(k.Protocol) ^ byte(k.Port) ^ byte(k.Port>>8)
		for i := 3; i < 16; i += 4 {
			b ^= k.Addr[i]
		}
		return int(b)
	}
	list := slices.Clone(m.services)
	slices.SortFunc(list, func(a, b *modelService) int {
		return cmp.Or(cmp.Compare(bucket(a.config.ServiceKey), bucket(b.config.ServiceKey)), b.seq-a.seq)
	})
	return list
}

// Check compares all that can be seen.
func (m *model) Check(t *rapid.T) {
	all := m.table.Services()
	order := m.order()
	if len(all) != len(order) {
		t.Fatalf("%d services, want %d", len(all), len(order))
	}
	n, connOut := 0, false
	var hashed []*modelDest
	for i, s := range order {
		if all[i] != s.real || m.table.Lookup(s.config.ServiceKey) != s.real {
			t.Fatalf("service %d is %v, want %v", i, all[i].ServiceKey, s.config.ServiceKey)
		}
		if d := gocmp.Diff(s.config, s.real.ServiceConfig); d != "" {
			t.Fatal(d)
		}
		if s.config.Family == packet.IPv4 {
			n++
		}
		connOut = connOut || s.config.PE != ""
		d := s.real.First()
		for _, want := range s.dests {
			want.compare(t, m.table, d, s.real)
			hashed = append(hashed, want)
			d = s.real.Next(d)
		}
		if d != nil || s.real.NumDests() != len(s.dests) {
			t.Fatal("more servers")
		}
		if len(s.dests) > 0 && s.real.Last() != s.dests[len(s.dests)-1].real {
			t.Fatal("another is the oldest")
		}
	}
	if m.table.NumServices(packet.IPv4) != n || m.table.NumServices(packet.IPv6) != len(order)-n || m.table.ConnOut() != connOut {
		t.Fatal("numbers of services")
	}
	i := 0
	m.table.Trash(func(d *Dest) {
		if i >= len(m.trash) || m.trash[i].real != d || m.table.Dest(d.ID) != d || d.Available {
			t.Fatalf("trash, %d", i)
		}
		i++
	})
	if i != len(m.trash) {
		t.Fatalf("%d in the trash, want %d", i, len(m.trash))
	}
	m.checkReal(t, hashed)
}

func (d *modelDest) compare(t *rapid.T, tab *Table, got *Dest, s *Service) {
	if got != d.real || tab.Dest(got.ID) != got || !got.Available || got.Service() != s {
		t.Fatalf("server %v in place of %v", got, d.config.DestKey)
	}
	if x := gocmp.Diff(d.config, got.DestConfig); x != "" {
		t.Fatal(x)
	}
	if got.LastWeight != d.last || got.Active.Load() != d.active || got.Total.Load() != d.total || got.Persist.Load() != d.templates {
		t.Fatalf("figures of %v", got)
	}
	if got.Overloaded() != d.overloaded {
		t.Fatalf("%v with %d connections (%d, %d): overloaded %v", got, d.total, d.config.Lower, d.config.Upper, got.Overloaded())
	}
}

func (m *model) checkReal(t *rapid.T, hashed []*modelDest) {
	slices.SortFunc(hashed, func(a, b *modelDest) int { return b.hashed - a.hashed })
	for i := 1; i <= 4; i++ {
		k := server(i)
		for _, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
			var want *Dest
			for _, d := range slices.Backward(hashed) {
				if d.config.DestKey == k && d.config.Forward == Masq && (d.of.Protocol == proto || d.of.FWMark != 0) {
					want = d.real
				}
			}
			if got := m.table.RealService(packet.IPv4, proto, k.Addr, k.Port); got != want {
				t.Fatalf("real service %v: %v, want %v", k, got, want)
			}
		}
		var want *Dest
		for _, d := range slices.Backward(hashed) {
			if d.config.DestKey == k && d.config.Forward == Tunnel && d.config.TunType == TunGUE {
				want = d.real
			}
		}
		if got := m.table.TunnelTo(packet.IPv4, k.Addr, 6080); got != want {
			t.Fatalf("tunnel %v: %v, want %v", k, got, want)
		}
	}
}
