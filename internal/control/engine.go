package control

import (
	"sync"
	"syscall"
)

// Engine answers the requests of the IPVS family. It is safe for concurrent
// use.
type Engine struct {
	b  Backend
	mu sync.Mutex // held while a request is looked at and carried out (Kernel: __ip_vs_mutex)

	// listings has a place for each listing of connections that is under way.
	listings chan struct{}

	// Interface, where it is set, reports whether the machine has a network
	// interface of a name; else all names are interfaces'. It is set before the
	// first request.
	Interface func(name string) bool
}

// maxListings is how many listings of connections are made at a time.
const maxListings = 4

// NewEngine returns the engine that acts on b.
func NewEngine(b Backend) *Engine {
	return &Engine{b: b, listings: make(chan struct{}, maxListings)}
}

// Caller is who sends a request.
type Caller struct {
	PortID       uint32 // what answers are addressed to (nlmsg_pid); 0: what the request has there
	Unprivileged bool   // without CAP_NET_ADMIN: only the family's id may be asked for
	CapAck       bool   // NETLINK_CAP_ACK: errors don't quote the whole request
	ExtAck       bool   // NETLINK_EXT_ACK: acknowledgements may tell more

	// DumpSize is how long the datagrams of a dump may be: to the kernel, the
	// most that the socket was ever read with, up to MaxDumpSize. What is less
	// than MinDumpSize, such as 0, is MinDumpSize.
	DumpSize int

	// Lasting lifts the limit of time on the answer, for one without an end;
	// nil: there is none.
	Lasting func() error
}

// MinDumpSize and MaxDumpSize bound how long the kernel's datagrams of a dump
// may be. As long as no longer read is known, it is the former.
//
// Kernel: af_netlink.c, netlink_dump, netlink_recvmsg (6.1).
const (
	MinDumpSize = 3776         // NLMSG_GOODSIZE
	MaxDumpSize = 32<<10 - 320 // 32 KiB with the kernel's head
)

// request is a message on its way through the engine.
type request struct {
	header
	msg  []byte // all of it
	cmd  uint8
	from Caller
	send func([]byte) error
	err  error      // the first of send
	say  *complaint // what there is to tell beside an error's number, in terms of msg
}

func newRequest(h header, msg []byte, from Caller, send func([]byte) error) *request {
	r := &request{header: h, msg: msg, from: from, send: send}
	if from.PortID != 0 {
		r.portID = from.PortID
	}
	return r
}

// wanted reports whether r is a request at all, which isn't just acknowledged.
func (r *request) wanted() bool { return r.flags&flagRequest != 0 && r.typ >= nlmsgMinType }

// body returns the attributes' octets.
func (r *request) body() []byte { return r.msg[nlHeader+genlHeader:] }

// attrs reads the attributes and notes what is to be said of them.
func (r *request) attrs(p policy, strict bool) (attrs, error) {
	a, say, err := p.validate(r.body(), strict)
	r.complain(say, nlHeader+genlHeader)
	return a, err
}

// complain notes what is to be said of attributes that begin at an offset of the
// message.
func (r *request) complain(say *complaint, from int) {
	if say == nil {
		return
	}
	if r.say = say; say.at >= 0 {
		say.at += from
	}
}

// put sends a datagram, unless one before failed.
func (r *request) put(b []byte) {
	if r.err == nil {
		r.err = r.send(b)
	}
}

// reply returns a writer with the beginning of a message that answers r.
func (r *request) reply(flags uint16, cmd uint8) *writer {
	w := &writer{}
	w.startGen(header{typ: FamilyID, flags: flags, seq: r.seq, portID: r.portID}, cmd, familyVersion)
	return w
}

// Handle answers a datagram of requests. It calls send with each datagram of
// the answers, which is valid during the call only, and stops at the first
// error of send, which it returns. What isn't a request is ignored, as by the
// kernel.
//
// Kernel: af_netlink.c, netlink_rcv_skb (6.1).
func (e *Engine) Handle(req []byte, from Caller, send func(datagram []byte) error) error {
	for h, msg := range messages(req) {
		r := newRequest(h, msg, from, send)
		var err error
		dumped := false
		if r.wanted() {
			dumped, err = e.message(r)
		}
		if err != nil || h.flags&flagAck != 0 && !dumped {
			r.put(r.acknowledge(errnoOf(err), r.tell(err != nil)))
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// message handles one request. It reports whether it was answered by a dump,
// which needs no acknowledgement.
func (e *Engine) message(r *request) (dumped bool, err error) {
	if err := r.admit(); err != nil {
		return false, err
	}
	if r.typ == ctrlID {
		return control(r)
	}
	op := ops[r.cmd]
	if r.dump() {
		err := op.dump(e, r)
		return err == nil, err
	}
	a, err := r.attrs(op.policy, false)
	if err != nil {
		return false, err
	}
	return false, op.do(e, r, a)
}

// dump reports whether r asks for a dump.
func (r *request) dump() bool { return r.flags&flagDump == flagDump }

// admit makes the checks of a request that need no look at its attributes, and
// finds its command.
//
// Kernel: genetlink.c, genl_rcv_msg, genl_family_rcv_msg (6.1).
func (r *request) admit() error {
	if r.typ != FamilyID && r.typ != ctrlID {
		return syscall.ENOENT
	}
	if len(r.msg) < nlHeader+genlHeader {
		return syscall.EINVAL
	}
	r.cmd = r.msg[nlHeader]
	known := uint8(CmdFlush)
	if r.typ == ctrlID {
		known = ctrlGetPolicy
	}
	if r.cmd > known {
		if err := r.strict(); err != nil {
			return err
		}
	}
	if r.typ == ctrlID {
		if r.cmd == ctrlGetFamily || r.cmd == ctrlGetPolicy && r.dump() {
			return nil
		}
		return syscall.EOPNOTSUPP
	}
	op, ok := ops[r.cmd]
	switch {
	case !ok:
		return syscall.EOPNOTSUPP
	case r.from.Unprivileged:
		return syscall.EPERM
	case r.dump() && op.dump == nil, !r.dump() && op.do == nil:
		return syscall.EOPNOTSUPP
	}
	return nil
}

// strict makes the checks of a message's head that newer commands get.
//
// Kernel: genetlink.c, genl_header_check (6.1).
func (r *request) strict() error {
	flags := r.flags
	if flags&flagDump == flagDump {
		flags &^= flagDump
	}
	switch {
	case ne.Uint16(r.msg[nlHeader+2:]) != 0:
		r.say = &complaint{textReserved, -1, nil}
	case flags&^(flagRequest|flagAck|flagEcho) != 0:
		r.say = &complaint{textFlags, -1, nil}
	default:
		return nil
	}
	return syscall.EINVAL
}

// op is what is done for a command.
type op struct {
	policy policy
	do     func(*Engine, *request, attrs) error
	dump   func(*Engine, *request) error
}

// ops by command. The kernel lists those up to CmdFlush in this order.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_ops (6.1).
var ops map[uint8]op

func init() {
	ops = map[uint8]op{
		CmdNewService: {policy: cmdPolicy, do: (*Engine).set},
		CmdSetService: {policy: cmdPolicy, do: (*Engine).set},
		CmdDelService: {policy: cmdPolicy, do: (*Engine).set},
		CmdGetService: {policy: cmdPolicy, do: (*Engine).getService, dump: (*Engine).dumpServices},
		CmdNewDest:    {policy: cmdPolicy, do: (*Engine).set},
		CmdSetDest:    {policy: cmdPolicy, do: (*Engine).set},
		CmdDelDest:    {policy: cmdPolicy, do: (*Engine).set},
		CmdGetDest:    {policy: cmdPolicy, dump: (*Engine).dumpDests},
		CmdNewDaemon:  {policy: cmdPolicy, do: (*Engine).newDaemon},
		CmdDelDaemon:  {policy: cmdPolicy, do: (*Engine).delDaemon},
		CmdGetDaemon:  {policy: cmdPolicy, dump: (*Engine).dumpDaemons},
		CmdSetConfig:  {policy: cmdPolicy, do: (*Engine).set},
		CmdGetConfig:  {policy: cmdPolicy, do: (*Engine).getConfig},
		CmdGetInfo:    {policy: cmdPolicy, do: (*Engine).getInfo},
		CmdZero:       {policy: cmdPolicy, do: (*Engine).set},
		CmdFlush:      {policy: cmdPolicy, do: (*Engine).set},

		CmdGetProc:    {policy: extPolicy, dump: (*Engine).dumpProc},
		CmdGetSetting: {policy: extPolicy, do: (*Engine).getSetting, dump: (*Engine).dumpSettings},
		CmdSetSetting: {policy: extPolicy, do: (*Engine).setSetting},
		CmdGetSockopt: {policy: extPolicy, dump: (*Engine).getSockoptFor},
		CmdSetSockopt: {policy: extPolicy, do: (*Engine).setSockoptFor},
		CmdGetCounts:  {policy: extPolicy, dump: (*Engine).dumpCounts},
		CmdGetConns:   {policy: extPolicy, dump: (*Engine).getConns},
		CmdDelConns:   {policy: extPolicy, do: (*Engine).delConns},
		CmdTrace:      {policy: extPolicy, dump: (*Engine).trace},
		CmdGetOptions: {policy: extPolicy, do: (*Engine).getOptions},
		CmdSetOptions: {policy: extPolicy, do: (*Engine).setOptions},
	}
}
