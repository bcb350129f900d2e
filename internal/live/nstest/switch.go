package nstest

import (
	"testing"

	"github.com/vishvananda/netlink"
)

// Switch is a namespace that is an Ethernet switch.
type Switch struct {
	ns *NS
	n  int
}

// NewSwitch makes a switch.
func NewSwitch(t testing.TB) *Switch {
	t.Helper()
	s := &Switch{ns: New(t)}
	s.ns.Do(t, func() {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
		err := netlink.LinkAdd(br)
		if err == nil {
			err = netlink.LinkSetUp(br)
		}
		if err != nil {
			t.Errorf("bridge: %v", err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return s
}

// Offload gives all ports so far their offloads back; see NS.Offload.
func (s *Switch) Offload(t testing.TB) {
	t.Helper()
	for i := range s.n {
		s.ns.Offload(t, "port"+string(rune('0'+i)))
	}
}

// Plug connects a namespace, which gets an interface of that name.
func (s *Switch) Plug(t testing.TB, ns *NS, name string) {
	t.Helper()
	port := "port" + string(rune('0'+s.n))
	s.n++
	Join(t, s.ns, port, ns, name)
	s.ns.Do(t, func() {
		br, err := netlink.LinkByName("br0")
		if err != nil {
			t.Error(err)
			return
		}
		p, err := netlink.LinkByName(port)
		if err == nil {
			err = netlink.LinkSetMaster(p, br)
		}
		if err != nil {
			t.Errorf("%s: %v", port, err)
		}
	})
}
