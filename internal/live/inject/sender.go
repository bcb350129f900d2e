package inject

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// Config is what a Sender is made from.
type Config struct {
	Bit    uint32        // of the mark, that says "ours"
	Random func() uint32 // for identifications

	// With Neighbours a packet socket may be used: for families, IPv4 and
	// IPv6, for which Direct says so at the time.
	Neighbours *Neighbours
	Direct     *[2]atomic.Bool
}

// Sender sends datagrams. It is one goroutine's at a time.
type Sender struct {
	Config
	raw    [2][2]*rawSocket // ours or not, IPv4 or IPv6
	packet *packetSocket    // nil: everything by raw socket
	last   *batch           // that was added to
	result Result
	super  anatomy
}

// Open makes a sender for the calling thread's network namespace. Errors:
// unix.EPERM without CAP_NET_RAW.
func Open(c Config) (*Sender, error) {
	s := &Sender{Config: c}
	if c.Neighbours != nil {
		k, err := openPacket(c.Neighbours, &s.result.Packet)
		if err != nil {
			return nil, err
		}
		s.packet = k
	}
	for ours := range s.raw {
		for v6 := range s.raw[ours] {
			k, err := openRaw(v6 == 1, &s.result.Raw)
			if v6 == 1 && errors.Is(err, unix.EAFNOSUPPORT) {
				continue // without IPv6 there is nothing to send
			}
			if err == nil {
				s.raw[ours][v6] = k
				if ours == 1 {
					err = k.setMark(c.Bit)
				}
			}
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
	}
	return s, nil
}

// Close closes the sockets.
func (s *Sender) Close() error {
	var errs error
	if s.packet != nil {
		errs = unix.Close(s.packet.fd)
	}
	for _, of := range s.raw {
		for _, k := range of {
			if k != nil {
				errs = errors.Join(errs, unix.Close(k.fd))
			}
		}
	}
	return errs
}

// Add has a datagram sent by the next Flush at the latest; until then its data
// must stay. What is added is sent in this order. Nothing waits: what the kernel
// has no room for counts as not sent.
func (s *Sender) Add(d *Datagram) {
	v6 := 0
	if d.Family == packet.IPv6 {
		v6 = 1
	}
	if eth := s.direct(d, v6); eth != nil {
		s.addDirect(d, eth)
		return
	}
	ours := 0
	if d.Ours {
		ours = 1
	}
	k := s.raw[ours][v6]
	if k == nil {
		s.result.Raw.fail(unix.EAFNOSUPPORT)
		return
	}
	s.use(k.batch)
	if err := k.prepare(d); err != nil {
		k.result.fail(err)
		return
	}
	switch {
	case d.Super:
		s.segments(d, k.batch, 0, func(head, body []byte) { k.send(head, body, d) })
	case !d.whole():
		d.complete()
		k.fragments(d, s.Random())
	default:
		d.complete()
		k.room(0)
		k.send(nil, d.Data, d)
	}
}

// AddDirect is Add for what must not pass LOCAL_OUT: it adds what can go by
// packet socket, and reports whether it did.
func (s *Sender) AddDirect(d *Datagram) bool {
	v6 := 0
	if d.Family == packet.IPv6 {
		v6 = 1
	}
	eth := s.direct(d, v6)
	if eth != nil {
		s.addDirect(d, eth)
	}
	return eth != nil
}

// Flush sends what waits, and returns what became of all since the last time.
func (s *Sender) Flush() Result {
	if s.last != nil {
		s.last.flush()
	}
	r := s.result
	s.result = Result{}
	return r
}

// use makes b what is added to, after what waits in another.
func (s *Sender) use(b *batch) {
	if s.last != b && s.last != nil {
		s.last.flush()
	}
	s.last = b
}

// direct returns the link-layer header for a datagram that may go by packet
// socket, nil for others: not if its neighbour's address isn't known, which
// sending it otherwise makes the kernel find out.
func (s *Sender) direct(d *Datagram, v6 int) *ethernet {
	if s.packet == nil || !d.Ours || d.Link == 0 || !d.whole() || !s.Direct[v6].Load() {
		return nil
	}
	eth, ok := s.packet.header(hop{d.Link, v6 == 1, d.Hop})
	if !ok {
		return nil
	}
	return eth
}

func (s *Sender) addDirect(d *Datagram, eth *ethernet) {
	k := s.packet
	s.use(k.batch)
	if err := k.prepare(d); err != nil {
		k.result.fail(err)
		return
	}
	if !d.Super {
		k.send(k.room(frameSize), d.Data, d, eth, 0)
		return
	}
	// The kernel can cut what is in no tunnel and has no checksum yet.
	if d.Partial != 0 && s.super.dissect(d.Family, d.Data) && s.super.n == 2 && d.MTU >= s.super.size+minSegment {
		k.send(k.room(frameSize), d.Data, d, eth, d.MTU-s.super.size)
		return
	}
	cut := *d
	cut.Partial = 0
	s.segments(d, k.batch, frameSize, func(head, body []byte) { k.send(head, body, &cut, eth, 0) })
}

// minSegment is the least payload that a segment gets; what has less room
// can't be sent.
//
// Kernel: include/net/tcp.h, TCP_MIN_GSO_SIZE (6.1): TCP_MIN_SND_MSS without options.
const minSegment = 8

// segments cuts a super-packet and adds its segments to b, each in two pieces:
// headers, behind room for lead octets, and payload.
func (s *Sender) segments(d *Datagram, b *batch, lead int, add func(head, body []byte)) {
	a := &s.super
	if !a.dissect(d.Family, d.Data) || d.MTU < a.size+minSegment {
		b.result.fail(unix.EMSGSIZE)
		return
	}
	payload, size := d.Data[a.size:], d.MTU-a.size
	for i, at := 0, 0; at < len(payload); i, at = i+1, at+size {
		body := payload[at:min(at+size, len(payload))]
		head := b.room(lead + a.size)
		copy(head[lead:], d.Data[:a.size])
		a.segment(head[lead:], body, i, at, at+len(body) == len(payload))
		add(head, body)
	}
}
