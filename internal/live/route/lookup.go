package route

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// query is a question for the kernel: the route of a packet of this host.
type query struct {
	family   packet.Family
	dst, src packet.Addr // src zero: none given
	tos      uint8
	mark     uint32
}

// answer is what it says.
type answer struct {
	typ     uint8 // unix.RTN_*
	outIf   int
	gateway packet.Addr
	src     packet.Addr
	mtu     int // 0: the link's
}

// asker asks the kernel, one question at a time.
type asker struct {
	mu     sync.Mutex
	socket *nl.SocketHandle
}

func newAsker() (*asker, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	return &asker{socket: &nl.SocketHandle{Socket: s}}, nil
}

func (a *asker) close() { a.socket.Close() }

func family(f packet.Family) (af uint8, addrLen int) {
	if f == packet.IPv6 {
		return unix.AF_INET6, 16
	}
	return unix.AF_INET, 4
}

// ask looks a route up as `ip route get` does. The errors are the kernel's
// answers: ENETUNREACH, EHOSTUNREACH, EACCES (prohibit), EINVAL (blackhole, or
// a source that is none of this host's).
func (a *asker) ask(q query) (answer, error) {
	af, n := family(q.family)
	msg := &nl.RtMsg{}
	msg.Family, msg.Dst_len, msg.Tos = af, uint8(8*n), q.tos
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, q.dst[:n]))
	if !q.src.IsZero() {
		msg.Src_len = uint8(8 * n)
		req.AddData(nl.NewRtAttr(unix.RTA_SRC, q.src[:n]))
	}
	if q.mark != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_MARK, nl.Uint32Attr(q.mark)))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: a.socket}
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	if err != nil {
		return answer{}, err
	}
	if len(msgs) != 1 || len(msgs[0]) < unix.SizeofRtMsg {
		return answer{}, unix.EPROTO
	}
	ans, err := parse(msgs[0])
	if !q.src.IsZero() {
		ans.src = q.src // which the kernel doesn't repeat
	}
	return ans, err
}

// parse reads an RTM_NEWROUTE message.
func parse(b []byte) (answer, error) {
	if len(b) < unix.SizeofRtMsg {
		return answer{}, unix.EPROTO
	}
	r := answer{typ: b[7]}
	attrs, err := netlink.UnmarshalAttributes(b[unix.SizeofRtMsg:])
	if err != nil {
		return answer{}, err
	}
	for _, at := range attrs {
		v := at.Data
		switch at.Type {
		case unix.RTA_OIF:
			r.outIf = int(word(v))
		case unix.RTA_GATEWAY:
			copy(r.gateway[:], v)
		case unix.RTA_PREFSRC:
			copy(r.src[:], v)
		case unix.RTA_METRICS:
			metrics, err := netlink.UnmarshalAttributes(v)
			if err != nil {
				return answer{}, err
			}
			for _, m := range metrics {
				if m.Type == unix.RTAX_MTU {
					r.mtu = int(word(m.Data))
				}
			}
		}
	}
	return r, nil
}

func word(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
