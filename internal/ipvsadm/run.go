package ipvsadm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"goipvs/internal/control"
	"goipvs/packet"
	"goipvs/sched"
)

// Env is what a run of ipvsadm works with.
type Env struct {
	Program        string // argv[0], as messages name it; "": ipvsadm
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Names          Names // nil: SystemNames

	// Conn leads to the engine. Without it Dial is called, unless only help or
	// the version was asked for, and what it returns closed again.
	Conn control.Conn
	Dial func() (control.Conn, error)
}

// run is one run of ipvsadm.
type run struct {
	Env
	c         *control.Client
	names     Names
	out       *bufio.Writer // nil: nothing was printed yet
	restoring bool
}

var systemNames = SystemNames()

// Run does what ipvsadm does with these arguments (without argv[0]) and returns
// its exit code. It is safe for concurrent use with different Envs.
func Run(args []string, env Env) int {
	r := &run{Env: env, names: env.Names}
	if r.Program == "" {
		r.Program = "ipvsadm"
	}
	if r.names == nil {
		r.names = systemNames
	}
	code := r.main(args)
	if r.out != nil && r.out.Flush() != nil && code == 0 {
		code = exitList
	}
	return code
}

func (r *run) main(args []string) int {
	conn := r.Conn
	if conn == nil && !asksForHelp(args) {
		c, err := r.Dial()
		if err != nil {
			fmt.Fprintf(r.Stderr, "Can't initialize ipvs: %s\nAre you sure that the goipvs daemon is running?\n", dialText(err))
			return exitUsage
		}
		defer c.Close()
		conn = c
	}
	r.c = control.NewClient(conn)
	if len(args) == 0 {
		return r.end(r.listAll(0))
	}
	return r.end(r.line(args))
}

// dialText says why there is no connection, beginning with the socket.
func dialText(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		return op.Addr.String() + ": " + errorText(callOther, err)
	}
	return errorText(callOther, err)
}

// asksForHelp reports whether a command line does nothing but print.
func asksForHelp(args []string) bool {
	p := popt{words: args}
	tag, _, _, err := p.option()
	return err == nil && (tag == 'h' || tag == 'v')
}

// end prints an error and returns the exit code.
func (r *run) end(err error) int {
	if err == nil {
		return 0
	}
	if x, ok := errors.AsType[*exit](err); ok {
		fmt.Fprint(r.Stderr, x.text)
		return x.code
	}
	fmt.Fprintln(r.Stderr, err)
	return exitRefused
}

// printf prints to standard output.
func (r *run) printf(format string, args ...any) {
	if r.out == nil {
		r.out = bufio.NewWriter(r.Stdout)
	}
	fmt.Fprintf(r.out, format, args...)
}

// refused is what the engine said of a change; restoring goes on.
type refused struct{ text string }

func (e *refused) Error() string { return e.text }

// line does a command line.
func (r *run) line(words []string) error {
	var e entry
	if err := r.parse(words, &e); err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	switch e.cmd {
	case cmdList:
		return r.list(&e)
	case cmdSave:
		return r.listAll(e.format | fmtRule)
	case cmdRestore:
		return r.restore()
	}
	what, err := r.change(&e)
	if err != nil {
		return &refused{errorText(what, err)}
	}
	return nil
}

// check makes the checks that look at all of a command line, and fills in
// defaults.
func (e *entry) check() error {
	if err := commandOptions[e.cmd].check(e.opts, optEnd-1, "command"); err != nil {
		return err
	}
	switch e.cmd {
	case cmdAdd, cmdEdit:
		return e.checkService()
	case cmdAddDest, cmdEditDest:
		return e.checkServer()
	case cmdStartDaemon:
		if e.daemon.ifname == "" {
			e.daemon.ifname = defaultInterface
		}
	case cmdList:
		others := optConnection | optTimeout | optDaemon
		if e.opts&others != 0 && e.opts&(optStats|optRate|optThresholds) != 0 ||
			e.opts&(optTimeout|optDaemon) != 0 && e.opts&optPersistentConn != 0 {
			return fail("options conflicts in the list command")
		}
	}
	return nil
}

func (e *entry) checkService() error {
	s := &e.service
	if e.mark == 0 && e.svc.port == 0 && s.Flags&sched.Persistent == 0 {
		return fail("Zero port specified for non-persistent service")
	}
	if s.Flags&sched.OnePacket != 0 && e.mark == 0 && e.proto != packet.ProtoUDP {
		return fail("One-Packet Scheduling is only for UDP virtual services")
	}
	if s.Scheduler == "" {
		s.Scheduler = defaultScheduler
	}
	return nil
}

func (e *entry) checkServer() error {
	d := &e.server
	if e.mark == 0 && d.Forward != sched.Masq {
		e.dest.port = e.svc.port // these methods can't change it
	}
	if e.dest.family != e.svc.family && d.Forward != sched.Tunnel {
		return fail("Different address family is allowed only for tunneling servers")
	}
	if e.opts&optTunnel != 0 && d.Forward != sched.Tunnel {
		return fail("Tunnel options conflict with forward method")
	}
	return tunnelOptions[d.TunType].check(e.opts, optTunPort|optTunNoCsum|optTunCsum|optTunRemCsum, "tunnel type")
}

// key returns the key of the service that the command line names.
func (e *entry) key() sched.ServiceKey {
	if e.mark != 0 {
		return sched.ServiceKey{Family: e.svc.family, FWMark: e.mark}
	}
	return sched.ServiceKey{Family: e.svc.family, Protocol: e.proto, Addr: e.svc.addr, Port: e.svc.port}
}

// change has the engine do what changes something.
func (r *run) change(e *entry) (call, error) {
	e.service.ServiceKey = e.key()
	e.server.DestKey = sched.DestKey{Family: e.dest.family, Addr: e.dest.addr, Port: e.dest.port}
	k := e.service.ServiceKey
	switch e.cmd {
	case cmdAdd:
		return callAddService, r.c.AddService(e.service)
	case cmdEdit:
		return callEditService, r.c.EditService(e.service)
	case cmdDel:
		return callDelService, r.c.DelService(k)
	case cmdFlush:
		return callOther, r.c.Flush()
	case cmdZero:
		if e.mark == 0 && e.svc.addr.IsZero() && e.svc.port == 0 {
			return callZero, r.c.ZeroAll()
		}
		return callZero, r.c.Zero(k)
	case cmdAddDest:
		return callAddDest, r.c.AddDest(k, e.server)
	case cmdEditDest:
		return callEditDest, r.c.EditDest(k, e.server)
	case cmdDelDest:
		return callDelDest, r.c.DelDest(k, e.server.DestKey)
	case cmdTimeout:
		t := e.timeouts
		return callOther, r.c.SetTimeouts(time.Duration(t[0])*time.Second, time.Duration(t[1])*time.Second, time.Duration(t[2])*time.Second)
	case cmdStartDaemon:
		return callStartDaemon, r.c.StartDaemon(e.daemon.control())
	}
	return callStopDaemon, r.c.StopDaemon(e.daemon.control())
}

func (d *daemon) control() control.Daemon {
	return control.Daemon{
		State: d.state, Interface: d.ifname, SyncID: d.syncID,
		MaxLen: d.maxlen, Group: d.group, Port: d.port, TTL: d.ttl,
	}
}
