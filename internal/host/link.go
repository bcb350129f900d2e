package host

import "goipvs/packet"

// IfKind is the kind of an interface.
type IfKind uint8

// The kinds of interfaces.
const (
	Ethernet IfKind = iota // has frames in and out
	Dummy                  // swallows what is sent
	loopback               // every host has one: what is sent arrives
)

// Sizes of packets that interfaces and protocols set.
const (
	etherLen     = 14
	vlanLen      = 4
	defaultMTU   = 1500
	loopbackMTU  = 65536
	maxMTU4      = 0xffff // net/ip.h, IP_MAX_MTU
	maxMTU6      = 0xffff + packet.SizeIPv6
	minMTU4      = 68   // RFC 791 §3.2
	minMTU6      = 1280 // RFC 8200 §5
	loopbackName = "lo"
	loopbackIf   = 1
)

// iface is an interface. Its index is its place in Host.ifaces, from 1.
type iface struct {
	index int
	name  string
	kind  IfKind
	mac   [6]byte
	mtu   int
	up    bool
	addr4 []addr4 // primary ones first, in order of scope
	addr6 []addr6 // of greater scope first, then the latest first
}

// has6 reports whether IPv6 runs on the interface.
//
// Kernel: net/ipv6/addrconf.c, addrconf_notify (6.1): not below the least MTU.
func (d *iface) has6() bool { return d.mtu >= minMTU6 }

// mtuFor is the greatest datagram of a family that fits.
func (d *iface) mtuFor(f packet.Family) int {
	if f == packet.IPv6 {
		return min(d.mtu, maxMTU6)
	}
	return min(d.mtu, maxMTU4)
}

// device returns the interface of a name.
func (h *Host) device(name string) (*iface, error) {
	for _, d := range h.ifaces[1:] {
		if d.name == name {
			return d, nil
		}
	}
	return nil, ErrNoDevice
}

// AddInterface adds an interface, which is down, has MTU 1500, and no address.
// Errors: ErrExists.
func (h *Host) AddInterface(name string, kind IfKind) error {
	if _, err := h.device(name); err == nil {
		return ErrExists
	}
	if name == "" || kind > Dummy {
		return ErrInvalid
	}
	h.addIface(&iface{name: name, kind: kind, mtu: defaultMTU})
	return nil
}

func (h *Host) addIface(d *iface) {
	d.index = len(h.ifaces)
	h.ifaces = append(h.ifaces, d)
}

// Interfaces returns the names of the Ethernet interfaces in the order they
// were added.
func (h *Host) Interfaces() []string {
	var names []string
	for _, d := range h.ifaces[1:] {
		if d.kind == Ethernet {
			names = append(names, d.name)
		}
	}
	return names
}

// HasInterface reports whether there is an interface of a name, of any kind.
func (h *Host) HasInterface(name string) bool {
	_, err := h.device(name)
	return err == nil
}

// IfName returns the name of the interface with an index (packet.Packet's InIf
// and OutIf, packet.Route's OutIf), or "" where there is none.
func (h *Host) IfName(index int) string {
	if index <= 0 || index >= len(h.ifaces) {
		return ""
	}
	return h.ifaces[index].name
}

// SetMAC sets an interface's Ethernet address. Errors: ErrNoDevice,
// ErrAddressUnavailable for a multicast address or zero.
func (h *Host) SetMAC(ifname string, mac [6]byte) error {
	d, err := h.device(ifname)
	if err != nil {
		return err
	}
	if mac[0]&1 != 0 || mac == ([6]byte{}) {
		return ErrAddressUnavailable
	}
	d.mac = mac
	return nil
}

// SetMTU sets an interface's MTU in octets, 68 to 65535. Below 1280 IPv6 stops
// running on it and its IPv6 addresses are gone. Errors: ErrNoDevice,
// ErrInvalid.
func (h *Host) SetMTU(ifname string, mtu int) error {
	d, err := h.device(ifname)
	if err != nil {
		return err
	}
	if mtu < minMTU4 || mtu > maxMTU4 {
		return ErrInvalid
	}
	old := d.mtu
	d.mtu = mtu
	h.v4.tablesAll(func(e *entry) {
		if e.dev == d {
			e.deviceMTU(old, mtu)
		}
	})
	if !d.has6() {
		d.addr6 = nil
		h.v6.remove(func(e *entry) bool { return e.dev == d })
	} else if old < minMTU6 && d.up {
		h.linkRoutes6(d)
	}
	h.changed()
	return nil
}

// SetUp sets an interface up or down. Going down it loses its routes and its
// IPv6 addresses; its IPv4 addresses stay this host's own. Errors: ErrNoDevice.
func (h *Host) SetUp(ifname string, up bool) error {
	d, err := h.device(ifname)
	if err != nil || d.up == up {
		return err
	}
	d.up = up
	if !up {
		h.v4.remove(func(e *entry) bool { return e.dev == d && e.scope != scopeHost })
		d.addr6 = nil
		h.v6.remove(func(e *entry) bool { return e.dev == d })
		h.changed()
		return nil
	}
	for i := range d.addr4 {
		h.addrRoutes4(d, &d.addr4[i])
	}
	h.linkRoutes6(d)
	h.changed()
	return nil
}

// tablesAll calls f for each route of a family.
func (b *fib) tablesAll(f func(*entry)) {
	for _, t := range b.tables {
		t.all(f)
	}
}

func (b *fib) remove(gone func(*entry) bool) {
	for _, t := range b.tables {
		t.remove(gone)
	}
}
