package control

// Engine answers the requests of the IPVS family. It is safe for concurrent
// use.
type Engine struct {
	b Backend
}

// NewEngine returns the engine that acts on b.
func NewEngine(b Backend) *Engine { return &Engine{b: b} }

// Caller is who sends a request.
type Caller struct {
	PortID       uint32 // what answers are addressed to (nlmsg_pid); 0: what the request has there
	Unprivileged bool   // without CAP_NET_ADMIN: only the family's id may be asked for
	CapAck       bool   // NETLINK_CAP_ACK: errors don't quote the whole request
}

// Handle answers a datagram of requests. It calls send with each datagram of
// the answers, which is valid during the call only, and stops at the first
// error of send, which it returns.
func (e *Engine) Handle(req []byte, from Caller, send func(datagram []byte) error) error {
	return nil
}

// Conn returns a connection to the engine within the process.
func (e *Engine) Conn() Conn { return nil }
