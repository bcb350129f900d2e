package host

import "net/netip"

// IfKind is the kind of an interface.
type IfKind uint8

// The kinds of interfaces.
const (
	Ethernet IfKind = iota // has frames in and out
	Dummy                  // swallows what is sent
)

// AddInterface adds an interface, which is down, has MTU 1500, and no address.
// Errors: ErrExists.
func (h *Host) AddInterface(name string, kind IfKind) error { return nil }

// Interfaces returns the names of the Ethernet interfaces in the order they
// were added.
func (h *Host) Interfaces() []string { return nil }

// IfName returns the name of the interface with an index (packet.Packet's InIf
// and OutIf, packet.Route's OutIf), or "" where there is none.
func (h *Host) IfName(index int) string { return "" }

// SetMAC sets an interface's Ethernet address. Errors: ErrNoDevice,
// ErrAddressUnavailable for a multicast address.
func (h *Host) SetMAC(ifname string, mac [6]byte) error { return nil }

// SetMTU sets an interface's MTU in octets, 68 at least. Errors: ErrNoDevice,
// ErrInvalid.
func (h *Host) SetMTU(ifname string, mtu int) error { return nil }

// SetUp sets an interface up or down. A device that goes down loses its routes.
// Errors: ErrNoDevice.
func (h *Host) SetUp(ifname string, up bool) error { return nil }

// AddAddr gives an interface an address, whose prefix is on its link. Errors:
// ErrNoDevice, ErrExists, ErrInvalid.
func (h *Host) AddAddr(ifname string, a netip.Prefix) error { return nil }

// AddNeigh adds a static neighbour. Errors: ErrNoDevice, ErrExists.
func (h *Host) AddNeigh(ifname string, a netip.Addr, mac [6]byte) error { return nil }
