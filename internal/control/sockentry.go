package control

import (
	"encoding/binary"
	"syscall"

	"goipvs/packet"
	"goipvs/sched"
)

// soInfo makes a struct ip_vs_getinfo. It counts IPv4's services alone.
func (e *Engine) soInfo() []byte {
	n := 0
	e.b.View(func(t *sched.Table) { n = t.NumServices(packet.IPv4) })
	b := ne.AppendUint32(nil, Version)
	b = ne.AppendUint32(b, uint32(e.b.TableSize()))
	return ne.AppendUint32(b, uint32(n))
}

// soServices fills in the entries of a struct ip_vs_get_services, as many as
// there are and were asked for.
//
// Kernel: ip_vs_ctl.c, __ip_vs_get_service_entries (6.1).
func (e *Engine) soServices(arg []byte, length int) ([]byte, error) {
	want := ne.Uint32(arg)
	if uint64(length) != soServicesLen+uint64(want)*soServiceEntryLen {
		return nil, syscall.EINVAL
	}
	b := append([]byte(nil), arg[:soServicesLen]...)
	e.b.View(func(t *sched.Table) {
		for _, s := range t.Services() {
			if want == 0 {
				return
			}
			if s.Family == packet.IPv4 {
				b = append(b, fillServiceEntry(make([]byte, soServiceEntryLen), s)...)
				want--
			}
		}
	})
	return b, nil
}

// soService fills in a struct ip_vs_service_entry.
func (e *Engine) soService(arg []byte) (b []byte, err error) {
	e.b.View(func(t *sched.Table) {
		s := t.Lookup(soKey(arg))
		if s == nil {
			err = syscall.ESRCH
			return
		}
		b = fillServiceEntry(append([]byte(nil), arg[:soServiceEntryLen]...), s)
	})
	return b, err
}

// soDests fills in the entries of a struct ip_vs_get_dests, as many as there are
// and were asked for, without servers of another family.
//
// Kernel: ip_vs_ctl.c, __ip_vs_get_dest_entries (6.1).
func (e *Engine) soDests(arg []byte, length int) ([]byte, error) {
	want := ne.Uint32(arg[16:])
	if uint64(length) != soDestsLen+uint64(want)*soDestEntryLen {
		return nil, syscall.EINVAL
	}
	b := append([]byte(nil), arg[:soDestsLen]...)
	err := error(syscall.ESRCH)
	e.b.View(func(t *sched.Table) {
		s := t.Lookup(soKey(arg))
		if s == nil {
			return
		}
		err = nil
		for d := s.First(); d != nil && want > 0; d = s.Next(d) {
			if d.Family == packet.IPv4 {
				b = append(b, fillDestEntry(make([]byte, soDestEntryLen), d)...)
				want--
			}
		}
	})
	return b, err
}

// fillServiceEntry fills in a struct ip_vs_service_entry. What isn't a field's
// stays.
//
// Kernel: ip_vs_ctl.c, ip_vs_copy_service (6.1).
func fillServiceEntry(b []byte, s *sched.Service) []byte {
	proto := uint16(s.Protocol)
	if s.FWMark != 0 {
		proto = packet.ProtoTCP
	}
	ne.PutUint16(b, proto)
	copy(b[4:8], s.Addr[:4])
	binary.BigEndian.PutUint16(b[8:], s.Port)
	ne.PutUint32(b[12:], s.FWMark)
	b[16+copy(b[16:16+schedNameMax], s.Scheduler)] = 0
	ne.PutUint32(b[32:], uint32(s.Flags)|svcHashed)
	ne.PutUint32(b[36:], s.Timeout)
	binary.BigEndian.PutUint32(b[40:], s.Netmask)
	ne.PutUint32(b[44:], uint32(s.NumDests()))
	fillStats(b[48:], &s.Stats)
	return b
}

// fillDestEntry fills in a struct ip_vs_dest_entry.
func fillDestEntry(b []byte, d *sched.Dest) []byte {
	copy(b[:4], d.Addr[:4])
	binary.BigEndian.PutUint16(b[4:], d.Port)
	for i, n := range []uint32{
		d.ConnFlags(), uint32(d.Weight), d.Upper, d.Lower,
		uint32(d.Active.Load()), uint32(d.InactiveConns()), uint32(d.Persist.Load()),
	} {
		ne.PutUint32(b[8+4*i:], n)
	}
	fillStats(b[40:], &d.Stats)
	return b
}

// fillStats fills in a struct ip_vs_stats_user: all but the sums of octets in 32
// bits.
//
// Kernel: ip_vs_ctl.c, ip_vs_export_stats_user (6.1).
func fillStats(b []byte, s *sched.Stats) {
	total, rate := s.Read()
	for i, n := range []uint64{total.Conns, total.InPkts, total.OutPkts} {
		ne.PutUint32(b[4*i:], uint32(n))
	}
	ne.PutUint64(b[16:], total.InBytes)
	ne.PutUint64(b[24:], total.OutBytes)
	for i, n := range []uint64{rate.Conns, rate.InPkts, rate.OutPkts, rate.InBytes, rate.OutBytes} {
		ne.PutUint32(b[32+4*i:], uint32(n))
	}
}
