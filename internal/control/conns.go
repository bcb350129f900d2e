package control

import (
	"net/netip"
	"syscall"
	"time"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

// getConns sends the connections that a filter means. Who asks may be slow:
// nothing is held for him.
func (e *Engine) getConns(r *request) error {
	a, err := r.attrs(extPolicy, false)
	if err != nil {
		return err
	}
	f, limit, err := parseFilter(a[ExtFilter])
	if err != nil {
		return err
	}
	e.listings <- struct{}{}
	defer func() { <-e.listings }()
	d := newDump(r, CmdGetConns)
	d.size = MaxDumpSize
	left := limit
	e.b.Conns(func(i *hooks.ConnInfo) bool {
		if !f.Match(i) {
			return true
		}
		d.add(func(w *writer) { w.conn(i) })
		if len(d.full) > 0 {
			d.send()
		}
		left--
		return r.err == nil && (limit == 0 || left > 0)
	})
	d.finish()
	return nil
}

// delConns ends the connections that a filter means.
func (e *Engine) delConns(r *request, a attrs) error {
	if !a.has(ExtFilter) {
		return syscall.EINVAL
	}
	f, limit, err := parseFilter(a[ExtFilter])
	if err != nil {
		return err
	}
	if limit != 0 {
		return syscall.EINVAL
	}
	gone, kept := e.b.DeleteConns(&f)
	w := r.reply(0, CmdDelConns)
	w.u64(ExtGone, uint64(gone))
	w.u64(ExtKept, uint64(kept))
	w.end(0)
	r.put(w.b)
	return nil
}

// parseFilter reads a filter; without one all connections are meant.
func parseFilter(b []byte) (f hooks.ConnFilter, limit uint32, err error) {
	a, _, err := filterPolicy.validate(b, true)
	if err != nil {
		return f, 0, syscall.EINVAL
	}
	if a.has(FilterService) {
		k, err := parseKey(a[FilterService])
		if err != nil {
			return f, 0, err
		}
		f.Service = &k
	}
	if a.has(FilterServer) {
		c, err := parseDest(a[FilterServer], packet.IPv4, false)
		if err != nil {
			return f, 0, err
		}
		f.Server = &c.DestKey
	}
	if a.has(FilterClient) {
		if !a.has(FilterFamily, FilterClientBits) {
			return f, 0, syscall.EINVAL
		}
		fam, err := parseFamily(a.u16(FilterFamily))
		if err != nil {
			return f, 0, err
		}
		f.Client = netip.PrefixFrom(a.addr(FilterClient, fam).Netip(fam), int(a.u8(FilterClientBits)))
		if !f.Client.IsValid() {
			return f, 0, syscall.EINVAL
		}
	}
	if a.has(FilterClientPort) {
		f.CPort = a.be16(FilterClientPort)
	}
	if a.has(FilterProtocol) {
		p := a.u16(FilterProtocol)
		if p > 255 {
			return f, 0, syscall.EINVAL
		}
		f.Protocol = uint8(p)
	}
	f.State = a.str(FilterState)
	f.MinAge, f.MaxAge, f.MinIdle = a.millis(FilterMinAge), a.millis(FilterMaxAge), a.millis(FilterMinIdle)
	f.Gone = a.has(FilterGone) && a.u8(FilterGone) != 0
	if a.has(FilterKind) {
		if f.Kind = hooks.ConnKind(a.u8(FilterKind)); f.Kind > hooks.OnlyTemplates {
			return f, 0, syscall.EINVAL
		}
	}
	if a.has(FilterLimit) {
		limit = a.u32(FilterLimit)
	}
	return f, limit, nil
}

// filter writes a filter.
func (w *writer) filter(f *hooks.ConnFilter, limit uint32) {
	n := w.nest(ExtFilter | attrNested)
	if f.Service != nil {
		w.keyAs(FilterService|attrNested, *f.Service)
	}
	if f.Server != nil {
		k := w.nest(FilterServer | attrNested)
		w.destKey(*f.Server)
		w.endNest(k)
	}
	if f.Client.IsValid() {
		addr, fam := packet.AddrFrom(f.Client.Addr())
		w.u16(FilterFamily, afOf(fam))
		w.bytes(FilterClient, addr[:])
		w.u8(FilterClientBits, uint8(f.Client.Bits()))
	}
	if f.CPort != 0 {
		w.be16(FilterClientPort, f.CPort)
	}
	if f.Protocol != 0 {
		w.u16(FilterProtocol, uint16(f.Protocol))
	}
	if f.State != "" {
		w.str(FilterState, f.State)
	}
	w.millis(FilterMinAge, f.MinAge)
	w.millis(FilterMaxAge, f.MaxAge)
	w.millis(FilterMinIdle, f.MinIdle)
	if f.Gone {
		w.u8(FilterGone, 1)
	}
	if f.Kind != hooks.AnyConn {
		w.u8(FilterKind, uint8(f.Kind))
	}
	if limit != 0 {
		w.u32(FilterLimit, limit)
	}
	w.endNest(n)
}

// millis writes a time, if it isn't 0.
func (w *writer) millis(typ uint16, d time.Duration) {
	if d > 0 {
		w.u64(typ, uint64(d/time.Millisecond))
	}
}

// millis reads a time that may be absent.
func (a attrs) millis(t int) time.Duration {
	if a[t] == nil {
		return 0
	}
	const most = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(ne.Uint64(a[t]), most)) * time.Millisecond
}

// parseKey reads a service's key, strictly.
func parseKey(b []byte) (sched.ServiceKey, error) {
	a, _, err := svcPolicy.validate(b, true)
	if err != nil {
		return sched.ServiceKey{}, syscall.EINVAL
	}
	return parseServiceKey(a)
}

// conn writes a connection.
func (w *writer) conn(i *hooks.ConnInfo) {
	n := w.nest(ExtConn | attrNested)
	w.u16(ConnAttrFamily, afOf(i.Family))
	w.u16(ConnAttrProtocol, uint16(i.Protocol))
	w.bytes(ConnAttrClient, i.Client[:])
	w.be16(ConnAttrClientPort, i.CPort)
	w.bytes(ConnAttrVirtual, i.Virtual[:])
	w.be16(ConnAttrVirtualPort, i.VPort)
	w.u16(ConnAttrDestFamily, afOf(i.DestFamily))
	w.bytes(ConnAttrDest, i.Dest[:])
	w.be16(ConnAttrDestPort, i.DPort)
	w.str(ConnAttrState, i.State)
	w.u32(ConnAttrFlags, uint32(i.Flags))
	w.millis(ConnAttrExpires, i.Expires)
	w.millis(ConnAttrTimeout, i.Timeout)
	w.millis(ConnAttrAge, i.Age)
	w.u32(ConnAttrInPkts, i.InPkts)
	if i.Service != (sched.ServiceKey{}) {
		w.keyAs(ConnAttrService|attrNested, i.Service)
	}
	if i.Gone {
		w.u8(ConnAttrGone, 1)
	}
	if i.PEName != "" {
		w.str(ConnAttrPEName, i.PEName)
		w.text(ConnAttrPEData, i.PEData)
	}
	w.u32(ConnAttrRef, uint32(i.Ref))
	w.u32(ConnAttrControl, uint32(i.Control))
	w.u32(ConnAttrNControl, uint32(i.NControl))
	w.endNest(n)
}

// decodeConn reads a connection as writer.conn writes it.
func decodeConn(b []byte) (i hooks.ConnInfo, ok bool) {
	a, err := connPolicy.parse(b)
	if err != nil || !a.has(ConnAttrFamily, ConnAttrProtocol, ConnAttrClient, ConnAttrClientPort, ConnAttrVirtual,
		ConnAttrVirtualPort, ConnAttrDestFamily, ConnAttrDest, ConnAttrDestPort, ConnAttrState, ConnAttrFlags,
		ConnAttrInPkts, ConnAttrRef, ConnAttrControl, ConnAttrNControl) {
		return i, false
	}
	var err2 error
	i.Family, err = parseFamily(a.u16(ConnAttrFamily))
	i.DestFamily, err2 = parseFamily(a.u16(ConnAttrDestFamily))
	if err != nil || err2 != nil {
		return i, false
	}
	i.Protocol = uint8(a.u16(ConnAttrProtocol))
	i.Client, i.CPort = a.addr(ConnAttrClient, packet.IPv6), a.be16(ConnAttrClientPort)
	i.Virtual, i.VPort = a.addr(ConnAttrVirtual, packet.IPv6), a.be16(ConnAttrVirtualPort)
	i.Dest, i.DPort = a.addr(ConnAttrDest, packet.IPv6), a.be16(ConnAttrDestPort)
	i.State = a.str(ConnAttrState)
	i.Flags = conntrack.Flags(a.u32(ConnAttrFlags))
	i.Template = i.Flags&conntrack.Template != 0
	i.Expires, i.Timeout, i.Age = a.millis(ConnAttrExpires), a.millis(ConnAttrTimeout), a.millis(ConnAttrAge)
	i.InPkts = a.u32(ConnAttrInPkts)
	if a.has(ConnAttrService) {
		if i.Service, err = parseKey(a[ConnAttrService]); err != nil {
			return i, false
		}
	}
	i.Gone = a.has(ConnAttrGone) && a.u8(ConnAttrGone) != 0
	i.PEName, i.PEData = a.str(ConnAttrPEName), string(a[ConnAttrPEData])
	i.Ref, i.Control = conntrack.Ref(a.u32(ConnAttrRef)), conntrack.Ref(a.u32(ConnAttrControl))
	i.NControl = int32(a.u32(ConnAttrNControl))
	return i, true
}
