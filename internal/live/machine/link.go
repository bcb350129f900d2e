package machine

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/setup"
)

// link finds an interface, or the one that stands for it.
func (m *Machine) link(name string) (netlink.Link, error) {
	if a := m.alias[name]; a != "" {
		name = a
	}
	l, err := m.nl.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// HasLink reports whether there is an interface of a name. It is safe for
// concurrent use.
func HasLink(name string) bool {
	_, err := netlink.LinkByName(name)
	_, missing := errors.AsType[netlink.LinkNotFoundError](err)
	return !missing
}

// AddLink implements setup.Machine. Where the kernel has no dummy interfaces,
// lo takes its addresses: like those of a dummy, they are this host's on all
// interfaces.
func (m *Machine) AddLink(c setup.LinkAdd) error {
	err := m.do(Entry{Kind: KindLink, Dev: c.Name}, func() error {
		return m.nl.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: c.Name}})
	})
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	m.alias[c.Name] = "lo"
	m.note("this kernel has no dummy interfaces: lo stands for " + c.Name)
	return nil
}

// SetLink implements setup.Machine.
func (m *Machine) SetLink(c setup.LinkSet) error {
	l, err := m.link(c.Name)
	if err != nil {
		return err
	}
	now := l.Attrs()
	up := now.Flags&net.FlagUp != 0
	if m.alias[c.Name] != "" {
		c = setup.LinkSet{Name: c.Name, Up: c.Up}
		if c.Up != nil && !*c.Up {
			return nil // lo is not for us to set down; a dummy's addresses count all the same
		}
	}
	if c.MAC != nil {
		mac := net.HardwareAddr(c.MAC[:])
		if err := m.do(Entry{Kind: KindMAC, Dev: now.Name, Old: now.HardwareAddr.String()}, func() error {
			return m.nl.LinkSetHardwareAddr(l, mac)
		}); err != nil {
			return err
		}
	}
	if c.MTU != 0 && (c.MTU != now.MTU || m.wasLeft(KindMTU, now.Name)) {
		if err := m.do(Entry{Kind: KindMTU, Dev: now.Name, Old: strconv.Itoa(now.MTU)}, func() error {
			return m.nl.LinkSetMTU(l, c.MTU)
		}); err != nil {
			return err
		}
	}
	switch {
	case c.Up != nil && *c.Up && (!up || m.wasLeft(KindUp, now.Name)):
		return m.do(Entry{Kind: KindUp, Dev: now.Name}, func() error { return m.nl.LinkSetUp(l) })
	case c.Up != nil && !*c.Up && (up || m.wasLeft(KindDown, now.Name)):
		return m.do(Entry{Kind: KindDown, Dev: now.Name}, func() error { return m.nl.LinkSetDown(l) })
	}
	return nil
}

// wasLeft reports whether an earlier process did something to an interface.
func (m *Machine) wasLeft(k Kind, dev string) bool {
	for _, e := range m.left {
		if e.Kind == k && e.Dev == dev {
			return true
		}
	}
	return false
}

func (m *Machine) undoLink(e Entry) error {
	l, err := m.nl.LinkByName(e.Dev)
	if err != nil {
		return err
	}
	switch e.Kind {
	case KindLink:
		return m.nl.LinkDel(l)
	case KindUp:
		return m.nl.LinkSetDown(l)
	case KindDown:
		return m.nl.LinkSetUp(l)
	case KindMTU:
		mtu, err := strconv.Atoi(e.Old)
		if err != nil {
			return err
		}
		return m.nl.LinkSetMTU(l, mtu)
	default:
		mac, err := net.ParseMAC(e.Old)
		if err != nil {
			return err
		}
		return m.nl.LinkSetHardwareAddr(l, mac)
	}
}
