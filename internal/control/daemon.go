package control

import "syscall"

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

// newDaemon refuses to start a sync daemon.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_new_daemon (6.1).
func (e *Engine) newDaemon(r *request, a attrs) error {
	if _, err := daemonAttrs(r, a); err != nil {
		return err
	}
	return startDaemon()
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

// startDaemon says what the kernel says for an interface that can't do
// multicast.
//
// Differs: goipvs has no sync daemon.
//
// Kernel: ip_vs_sync.c, start_sync_thread (6.1).
func startDaemon() error { return syscall.EINVAL }

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
