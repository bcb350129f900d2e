package lab

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/trace"
	"goipvs/packet"
)

// TCP flags.
const (
	flagSYN = 0x02
	flagACK = 0x10
)

// input is a packet that the director gets in a replay: by an interface, or
// from a process of its own.
type input struct {
	from string // the interface, or replay.LocalName
	data []byte
}

// output is what the director put out.
type output struct {
	to   string
	data []byte
}

// passage is what a replay made of one input.
type passage struct {
	outputs []output
	steps   []trace.Step
}

// director is a plan's director, replayed: the same setup, the same engine, and
// the machine around it emulated.
type director struct {
	passages []passage
	listings map[string]string // by command
	rec      trace.Recorder
	names    []string
}

// replayDirector puts inputs before the director of a plan, 10 ms apart.
func replayDirector(p Plan, inputs []input) (*director, error) {
	lines, err := setup.Parse(p.Director().Name, strings.NewReader(p.Director().Setup))
	if err != nil {
		return nil, err
	}
	capture, err := p.capture(inputs)
	if err != nil {
		return nil, err
	}
	d := &director{listings: map[string]string{}}
	_, err = replay.Run(replay.Config{Kernel: p.Kernel, Setup: lines, Capture: capture, Listener: &d.rec}, d)
	d.flush()
	return d, err
}

// capture writes inputs as a capture of all the director's interfaces.
func (p Plan) capture(inputs []input) (*replay.Capture, error) {
	var file bytes.Buffer
	w := replay.NewWriter(&file)
	index := map[string]int{
		"eth0":           w.AddInterface(replay.CaptureIf{Name: "eth0", Link: replay.LinkEthernet}),
		"eth1":           w.AddInterface(replay.CaptureIf{Name: "eth1", Link: replay.LinkEthernet}),
		replay.LocalName: w.AddInterface(replay.CaptureIf{Name: replay.LocalName, Link: replay.LinkRaw}),
	}
	for i, in := range inputs {
		w.Write(index[in.from], time.Duration(i+1)*10*time.Millisecond, in.data, "")
	}
	if err := w.Err(); err != nil {
		return nil, err
	}
	return replay.NewCapture("requests", &file)
}

// flush ends the passage of the input before.
func (d *director) flush() {
	if n := len(d.passages); n > 0 {
		d.passages[n-1].steps = append(d.passages[n-1].steps, d.rec.Steps...)
	}
	d.rec = trace.Recorder{}
}

// Interface implements replay.Observer.
func (d *director) Interface(_ int, i replay.CaptureIf) { d.names = append(d.names, i.Name) }

// Input implements replay.Observer.
func (d *director) Input(*replay.Frame, int) {
	d.flush()
	d.passages = append(d.passages, passage{})
}

// Output implements replay.Observer.
func (d *director) Output(iface int, _ time.Duration, frame []byte) {
	if n := len(d.passages); n > 0 {
		p := &d.passages[n-1]
		p.outputs = append(p.outputs, output{d.names[iface], bytes.Clone(frame)})
	}
}

// Command implements replay.Observer.
func (d *director) Command(setup.Line, error) {}

// Listing implements replay.Observer.
func (d *director) Listing(l replay.Listing) { d.listings[l.Command] = l.Text }

// request is the n-th request's first packet, as the director gets it.
func (p Plan) request(n int) input {
	numbers := numbersOf(p.Family)
	port := uint16(40000 + n)
	if p.Scenario == Local {
		return input{replay.LocalName, segment(netip.AddrPortFrom(p.VIP, port), p.Web(), flagSYN)}
	}
	seg := segment(netip.AddrPortFrom(numbers.client.Addr(), port), p.Web(), flagSYN)
	return input{"eth0", ethernet(macClientSide, macClient, seg)}
}

// replyTo is what a server answers to a request that came out of the director,
// as the director gets it. It reports false where it gets nothing: the server
// answers the client itself, or isn't there.
func (p Plan) replyTo(o output) (input, bool) {
	if o.to != "eth1" || p.Scenario == DR || p.Scenario == Tunnel {
		return input{}, false
	}
	b := o.data[14:]
	var h packet.Header
	if !packet.ParseHeader(p.Family, b, 0, &h) {
		return input{}, false
	}
	sport, dport, _ := h.Ports(b)
	from := netip.AddrPortFrom(h.Dst.Netip(p.Family), dport)
	to := netip.AddrPortFrom(h.Src.Netip(p.Family), sport)
	return input{"eth1", ethernet(macServerSide, mac(o.data[:6]), segment(from, to, flagSYN|flagACK))}, true
}

// segment makes a TCP segment without data in a datagram.
func segment(from, to netip.AddrPort, flags byte) []byte {
	src, f := packet.AddrFrom(from.Addr())
	dst, _ := packet.AddrFrom(to.Addr())
	n := packet.SizeIPv4
	if f == packet.IPv6 {
		n = packet.SizeIPv6
	}
	b := make([]byte, n+packet.SizeTCP)
	tcp := b[n:]
	binary.BigEndian.PutUint16(tcp[0:], from.Port())
	binary.BigEndian.PutUint16(tcp[2:], to.Port())
	tcp[12], tcp[13] = packet.SizeTCP/4<<4, flags
	binary.BigEndian.PutUint16(tcp[14:], 64240)
	binary.BigEndian.PutUint16(tcp[16:], packet.TransportChecksum(f, src, dst, packet.ProtoTCP, tcp))
	if f == packet.IPv6 {
		b[0] = 6 << 4
		binary.BigEndian.PutUint16(b[4:], packet.SizeTCP)
		b[6], b[7] = packet.ProtoTCP, 64
		copy(b[8:], src[:])
		copy(b[24:], dst[:])
		return b
	}
	b[0], b[8], b[9] = 4<<4|packet.SizeIPv4/4, 64, packet.ProtoTCP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], packet.FlagDF)
	copy(b[12:], src[:4])
	copy(b[16:], dst[:4])
	packet.SetIPv4Checksum(b, 0)
	return b
}

// ethernet puts a datagram in a frame.
func ethernet(to, from mac, datagram []byte) []byte {
	typ := []byte{0x08, 0x00}
	if datagram[0]>>4 == 6 {
		typ = []byte{0x86, 0xdd}
	}
	return bytes.Join([][]byte{to[:], from[:], typ, datagram}, nil)
}
