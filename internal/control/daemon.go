package control

import "syscall"

// newDaemon refuses to start a sync daemon, with what the kernel says for an
// interface that can't do multicast.
//
// Differs: goipvs has no sync daemon.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_new_daemon (6.1).
func (e *Engine) newDaemon(*request, attrs) error { return syscall.EINVAL }

// delDaemon finds no sync daemon to stop.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_del_daemon (6.1).
func (e *Engine) delDaemon(_ *request, a attrs) error {
	if !a.has(CmdAttrDaemon) {
		return syscall.EINVAL
	}
	d, err := daemonPolicy.parse(a[CmdAttrDaemon])
	if err != nil || !d.has(DaemonAttrState) {
		return syscall.EINVAL
	}
	return stopDaemon(d.u32(DaemonAttrState))
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
