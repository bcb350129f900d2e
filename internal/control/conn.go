package control

// DefaultSocket is where the daemon listens unless told otherwise.
const DefaultSocket = "/run/goipvs.sock"

// Conn carries requests to an Engine and its answers back. It is safe for
// concurrent use; requests then wait for each other.
type Conn interface {
	// Request sends one netlink message, which must ask for an
	// acknowledgement (NLM_F_ACK) or for a dump, and calls answer with each
	// datagram of the answer, up to the one with NLMSG_ERROR or NLMSG_DONE. The
	// datagrams belong to the Conn. An error of answer is returned, after the
	// rest was read and thrown away.
	Request(msg []byte, answer func(datagram []byte) error) error
	// Close ends the connection. In process there is nothing to end.
	Close() error
}
