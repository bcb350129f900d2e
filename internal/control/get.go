package control

import (
	"syscall"
	"time"

	"goipvs/packet"
	"goipvs/sched"
)

// getService answers with one service.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_get_cmd (6.1).
func (e *Engine) getService(r *request, a attrs) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, there, err := e.parseService(a[CmdAttrService], false)
	if err != nil {
		return err
	}
	if !there {
		return syscall.ESRCH
	}
	w := r.reply(0, CmdNewService)
	e.b.View(func(t *sched.Table) { w.service(t.Lookup(c.ServiceKey)) })
	w.end(0)
	r.put(w.b)
	return nil
}

// getConfig answers with the timeouts.
func (e *Engine) getConfig(r *request, _ attrs) error {
	w := r.reply(0, CmdSetConfig)
	for i, t := range e.timeouts() {
		w.u32(uint16(CmdAttrTimeoutTCP+i), t)
	}
	w.end(0)
	r.put(w.b)
	return nil
}

// timeouts returns the timeouts of TCP ESTABLISHED, TCP FIN_WAIT and UDP in
// seconds.
func (e *Engine) timeouts() [3]uint32 {
	tcp, fin, udp := e.b.Timeouts()
	return [3]uint32{uint32(tcp / time.Second), uint32(fin / time.Second), uint32(udp / time.Second)}
}

// getInfo answers with version and size of the connection table.
func (e *Engine) getInfo(r *request, _ attrs) error {
	w := r.reply(0, CmdSetInfo)
	w.u32(InfoAttrVersion, Version)
	w.u32(InfoAttrConnTabSize, uint32(e.b.TableSize()))
	w.end(0)
	r.put(w.b)
	return nil
}

// dumpServices lists all services.
//
// Differs: it is one moment's picture; the kernel may change between two
// datagrams.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_dump_services (6.1).
func (e *Engine) dumpServices(r *request) error {
	d := newDump(r, CmdNewService)
	e.b.View(func(t *sched.Table) {
		for _, s := range t.Services() {
			d.add(func(w *writer) { w.service(s) })
		}
	})
	d.finish()
	return nil
}

// dumpDests lists the servers of a service, newest first; of one that isn't
// there, none.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_dump_dests (6.1).
func (e *Engine) dumpDests(r *request) error {
	d := newDump(r, CmdNewDest)
	defer d.finish()
	a, err := r.attrs(cmdPolicy, false)
	if err != nil {
		return nil
	}
	c, there, err := e.parseService(a[CmdAttrService], false)
	if err != nil || !there {
		return nil
	}
	e.b.View(func(t *sched.Table) {
		s := t.Lookup(c.ServiceKey)
		if s == nil {
			return
		}
		for dest := s.First(); dest != nil; dest = s.Next(dest) {
			d.add(func(w *writer) { w.dest(dest) })
		}
	})
	return nil
}

// dump packs the messages of an answer into datagrams.
type dump struct {
	r            *request
	typ          uint16
	cmd, version uint8
	size         int // of a datagram
	full         [][]byte
	cur          *writer
}

func newDump(r *request, cmd uint8) *dump {
	return &dump{
		r: r, typ: FamilyID, cmd: cmd, version: familyVersion,
		size: min(max(r.from.DumpSize, MinDumpSize), MaxDumpSize),
	}
}

// add adds a message that f writes the attributes of.
func (d *dump) add(f func(*writer)) {
	if d.cur == nil {
		d.cur = &writer{b: make([]byte, 0, d.size)}
	}
	at := d.start(f)
	if at > 0 && len(d.cur.b) > d.size {
		d.cur.b = d.cur.b[:at]
		d.full = append(d.full, d.cur.b)
		d.cur = &writer{b: make([]byte, 0, d.size)}
		d.start(f)
	}
}

func (d *dump) start(f func(*writer)) int {
	w := d.cur
	at := w.startGen(header{typ: d.typ, flags: flagMulti, seq: d.r.seq, portID: d.r.portID}, d.cmd, d.version)
	f(w)
	w.end(at)
	return at
}

// send sends the datagrams that are full.
func (d *dump) send() {
	for _, b := range d.full {
		d.r.put(b)
	}
	d.full = d.full[:0]
}

// flush sends what there is.
func (d *dump) flush() {
	d.send()
	if d.cur != nil {
		d.r.put(d.cur.b)
	}
	d.cur = nil
}

// finish sends what there is and the end mark, which has a datagram of its own.
func (d *dump) finish() {
	d.flush()
	d.r.done()
}

// done sends the end mark of a dump.
//
// Kernel: af_netlink.c, netlink_dump_done (6.1).
func (r *request) done() {
	w := &writer{}
	flags := uint16(flagMulti)
	if r.from.ExtAck && r.say != nil {
		flags |= flagTells
	}
	at := w.start(header{typ: nlmsgDone, flags: flags, seq: r.seq, portID: r.portID})
	w.b = ne.AppendUint32(w.b, 0)
	if flags&flagTells != 0 {
		w.str(ackAttrText, r.say.text)
	}
	w.end(at)
	r.put(w.b)
}

func afOf(f packet.Family) uint16 {
	if f == packet.IPv6 {
		return afINET6
	}
	return afINET
}

// service writes a service's attributes.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_fill_service (6.1).
func (w *writer) service(s *sched.Service) {
	n := w.nest(CmdAttrService)
	w.serviceKey(s.ServiceKey)
	w.str(SvcAttrSchedName, s.Scheduler)
	if s.PE != "" {
		w.str(SvcAttrPEName, s.PE)
	}
	w.serviceRest(&s.ServiceConfig, svcHashed)
	total, rate := s.Stats.Read()
	w.stats(SvcAttrStats, &total, &rate)
	w.stats64(SvcAttrStats64, &total, &rate)
	w.endNest(n)
}

func (w *writer) serviceKey(k sched.ServiceKey) {
	w.u16(SvcAttrAF, afOf(k.Family))
	if k.FWMark != 0 {
		w.u32(SvcAttrFWMark, k.FWMark)
		return
	}
	w.u16(SvcAttrProtocol, uint16(k.Protocol))
	w.bytes(SvcAttrAddr, k.Addr[:])
	w.be16(SvcAttrPort, k.Port)
}

// serviceRest writes flags, timeout and netmask.
func (w *writer) serviceRest(c *sched.ServiceConfig, also uint32) {
	w.head(SvcAttrFlags, 8)
	w.b = ne.AppendUint32(w.b, uint32(c.Flags)|also)
	w.b = ne.AppendUint32(w.b, 0xffffffff)
	w.u32(SvcAttrTimeout, c.Timeout)
	if c.Family == packet.IPv6 {
		w.u32(SvcAttrNetmask, c.Netmask)
	} else {
		w.be32(SvcAttrNetmask, c.Netmask)
	}
}

// dest writes a server's attributes.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_fill_dest (6.1).
func (w *writer) dest(d *sched.Dest) {
	n := w.nest(CmdAttrDest)
	w.bytes(DestAttrAddr, d.Addr[:])
	w.be16(DestAttrPort, d.Port)
	w.u32(DestAttrFwdMethod, uint32(d.Forward))
	w.u32(DestAttrWeight, uint32(d.Weight))
	w.u8(DestAttrTunType, uint8(d.TunType))
	w.be16(DestAttrTunPort, d.TunPort)
	w.u16(DestAttrTunFlags, uint16(d.TunFlags))
	w.u32(DestAttrUThresh, d.Upper)
	w.u32(DestAttrLThresh, d.Lower)
	w.u32(DestAttrActiveConns, uint32(d.Active.Load()))
	w.u32(DestAttrInactConns, uint32(d.InactiveConns()))
	w.u32(DestAttrPersistConns, uint32(d.Persist.Load()))
	w.u16(DestAttrAddrFamily, afOf(d.Family))
	total, rate := d.Stats.Read()
	w.stats(DestAttrStats, &total, &rate)
	w.stats64(DestAttrStats64, &total, &rate)
	w.endNest(n)
}

// stats writes statistics with all but the sums of octets cut to 32 bits.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_fill_stats (6.1).
func (w *writer) stats(typ uint16, total, rate *sched.Counters) {
	n := w.nest(typ)
	w.u32(StatsAttrConns, uint32(total.Conns))
	w.u32(StatsAttrInPkts, uint32(total.InPkts))
	w.u32(StatsAttrOutPkts, uint32(total.OutPkts))
	w.u64(StatsAttrInBytes, total.InBytes)
	w.u64(StatsAttrOutBytes, total.OutBytes)
	w.u32(StatsAttrCPS, uint32(rate.Conns))
	w.u32(StatsAttrInPPS, uint32(rate.InPkts))
	w.u32(StatsAttrOutPPS, uint32(rate.OutPkts))
	w.u32(StatsAttrInBPS, uint32(rate.InBytes))
	w.u32(StatsAttrOutBPS, uint32(rate.OutBytes))
	w.endNest(n)
}

// stats64 writes statistics in full.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_fill_stats64 (6.1).
func (w *writer) stats64(typ uint16, total, rate *sched.Counters) {
	n := w.nest(typ)
	for i, v := range []uint64{
		total.Conns, total.InPkts, total.OutPkts, total.InBytes, total.OutBytes,
		rate.Conns, rate.InPkts, rate.OutPkts, rate.InBytes, rate.OutBytes,
	} {
		w.u64(uint16(StatsAttrConns+i), v)
	}
	w.endNest(n)
}
