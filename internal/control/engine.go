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

	// listings has a place for each listing of connections that is under way,
	// since each takes memory: window is how much text is held at a time.
	listings chan struct{}
	window   int
}

// maxListings is how many listings of connections are made at a time.
const maxListings = 4

// NewEngine returns the engine that acts on b.
func NewEngine(b Backend) *Engine {
	return &Engine{b: b, listings: make(chan struct{}, maxListings), window: textWindow}
}

// Caller is who sends a request.
type Caller struct {
	PortID       uint32 // what answers are addressed to (nlmsg_pid); 0: what the request has there
	Unprivileged bool   // without CAP_NET_ADMIN: only the family's id may be asked for
	CapAck       bool   // NETLINK_CAP_ACK: errors don't quote the whole request
}

// request is a message on its way through the engine.
type request struct {
	header
	msg  []byte // all of it
	cmd  uint8
	send func([]byte) error
	err  error // the first of send
}

// body returns the attributes' octets.
func (r *request) body() []byte { return r.msg[nlHeader+genlHeader:] }

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
		r := &request{header: h, msg: msg, send: send}
		if from.PortID != 0 {
			r.portID = from.PortID
		}
		var errno syscall.Errno
		dumped := false
		if h.flags&flagRequest != 0 && h.typ >= nlmsgMinType {
			var err error
			dumped, err = e.message(r, from)
			errno = errnoOf(err)
		}
		if errno != 0 || h.flags&flagAck != 0 && !dumped {
			r.put(acknowledge(r, errno, from.CapAck))
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// acknowledge makes the message that says how a request ended.
//
// Kernel: af_netlink.c, netlink_ack (6.1).
func acknowledge(r *request, errno syscall.Errno, capAck bool) []byte {
	quote, flags := r.msg, uint16(0)
	if errno == 0 || capAck {
		quote, flags = r.msg[:nlHeader], flagCapped
	}
	w := &writer{}
	at := w.start(header{typ: nlmsgError, flags: flags, seq: r.seq, portID: r.portID})
	w.b = ne.AppendUint32(w.b, uint32(-int32(errno)))
	w.b = append(w.b, quote...)
	w.pad()
	w.end(at)
	return w.b
}

// message handles one request. It reports whether it was answered by a dump,
// which needs no acknowledgement.
//
// Kernel: genetlink.c, genl_family_rcv_msg (6.1).
func (e *Engine) message(r *request, from Caller) (dumped bool, err error) {
	if r.typ != FamilyID && r.typ != ctrlID {
		return false, syscall.ENOENT
	}
	if len(r.msg) < nlHeader+genlHeader {
		return false, syscall.EINVAL
	}
	r.cmd = r.msg[nlHeader]
	if r.typ == ctrlID {
		return control(r)
	}
	if r.cmd > CmdFlush {
		if err := strict(r); err != nil {
			return false, err
		}
	}
	op, ok := ops[r.cmd]
	switch {
	case !ok:
		return false, syscall.EOPNOTSUPP
	case from.Unprivileged:
		return false, syscall.EPERM
	case r.flags&flagDump == flagDump:
		if op.dump == nil {
			return false, syscall.EOPNOTSUPP
		}
		err := op.dump(e, r)
		return err == nil, err
	case op.do == nil:
		return false, syscall.EOPNOTSUPP
	}
	a, err := op.policy.parse(r.body())
	if err != nil {
		return false, err
	}
	return false, op.do(e, r, a)
}

// strict makes the checks of a message's head that newer commands get.
//
// Kernel: genetlink.c, genl_header_check (6.1).
func strict(r *request) error {
	flags := r.flags
	if flags&flagDump == flagDump {
		flags &^= flagDump
	}
	if ne.Uint16(r.msg[nlHeader+2:]) != 0 || flags&^(flagRequest|flagAck|flagEcho) != 0 {
		return syscall.EINVAL
	}
	return nil
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
	}
}
