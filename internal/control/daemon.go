package control

import (
	"syscall"

	"goipvs/packet"
	"goipvs/sched"
)

// daemonAttrs reads the attributes of a sync daemon.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_set_daemon (6.1).
func daemonAttrs(r *request, a attrs) (attrs, error) {
	if !a.has(CmdAttrDaemon) {
		return nil, syscall.EINVAL
	}
	d, say, err := daemonPolicy.validate(a[CmdAttrDaemon], false)
	at := 0
	for h := range each(r.body()) {
		if h.typ() == CmdAttrDaemon { // the last one counts
			at = h.at
		}
	}
	r.complain(say, nlHeader+genlHeader+at+attrHeader)
	if err != nil || !d.has(DaemonAttrState) {
		return nil, syscall.EINVAL
	}
	return d, nil
}

// newDaemon refuses to start a sync daemon, for the reason that the kernel would
// give first.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_new_daemon (6.1).
func (e *Engine) newDaemon(r *request, a attrs) error {
	d, err := daemonAttrs(r, a)
	if err != nil {
		return err
	}
	if !d.has(DaemonAttrMcastIfn, DaemonAttrSyncID) {
		return syscall.EINVAL
	}
	for attr, f := range map[int]packet.Family{DaemonAttrMcastGroup: packet.IPv4, DaemonAttrMcastGroup6: packet.IPv6} {
		if f == packet.IPv6 && d.has(DaemonAttrMcastGroup) { // which is then not looked at
			continue
		}
		if d.has(attr) && !d.addr(attr, f).IsMulticast(f) {
			return syscall.EINVAL
		}
	}
	if e.mixedFamilies() {
		return syscall.EINVAL
	}
	return e.startDaemon(d.str(DaemonAttrMcastIfn))
}

// mixedFamilies reports whether a server is of another family than its service:
// the sync protocol has no place for it.
func (e *Engine) mixedFamilies() (mixed bool) {
	e.b.View(func(t *sched.Table) {
		for _, s := range t.Services() {
			for d := s.First(); d != nil; d = s.Next(d) {
				mixed = mixed || d.Family != s.Family
			}
		}
	})
	return mixed
}

// delDaemon finds no sync daemon to stop.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_del_daemon (6.1).
func (e *Engine) delDaemon(r *request, a attrs) error {
	d, err := daemonAttrs(r, a)
	if err != nil {
		return err
	}
	return stopDaemon(d.u32(DaemonAttrState))
}

// startDaemon refuses to start a sync daemon on an interface.
//
// Differs: goipvs has no sync daemon, and so says of each interface that there
// is what the kernel says of a state that it doesn't know.
//
// Kernel: ip_vs_sync.c, start_sync_thread (6.1).
func (e *Engine) startDaemon(name string) error {
	if e.Interface != nil && !e.Interface(name) {
		return syscall.ENODEV
	}
	return syscall.EINVAL
}

// stopDaemon says that there is none of a state.
//
// Kernel: ip_vs_sync.c, stop_sync_thread (6.1).
func stopDaemon(state uint32) error {
	if state != stateMaster && state != stateBackup {
		return syscall.EINVAL
	}
	return syscall.ESRCH
}

// dumpDaemons lists none.
func (e *Engine) dumpDaemons(r *request) error {
	r.done()
	return nil
}
