package control

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

// held is a director with connections of its own, which notes what filters it is
// given.
type held struct {
	*hooks.Director
	conns   []hooks.ConnInfo
	deleted []hooks.ConnFilter
}

func (h *held) Conns(f func(*hooks.ConnInfo) bool) {
	for i := range h.conns {
		if !f(&h.conns[i]) {
			return
		}
	}
}

func (h *held) DeleteConns(f *hooks.ConnFilter) (gone, kept int) {
	h.deleted = append(h.deleted, *f)
	return 7, 3
}

func someConns() []hooks.ConnInfo {
	six := sched.ServiceKey{Family: packet.IPv6, FWMark: 9}
	return []hooks.ConnInfo{
		{
			Family: packet.IPv4, DestFamily: packet.IPv4, Protocol: packet.ProtoTCP,
			Client: addr("198.51.100.1"), CPort: 40000, Virtual: addr("10.0.0.1"), VPort: 80, Dest: addr("10.1.0.1"), DPort: 8080,
			State: "ESTABLISHED", Flags: 0x100, Expires: 890 * time.Second, Timeout: 900 * time.Second, Age: 3 * time.Hour,
			DestID: 0, InPkts: 12, Ref: 5, Control: 6, Service: webKey,
		},
		{
			Family: packet.IPv6, DestFamily: packet.IPv4, Protocol: packet.ProtoUDP,
			Client: addr("2001:db8::1"), Virtual: addr("2001:db8::2"), VPort: 53, Dest: addr("10.1.0.1"), DPort: 53,
			State: "ASSURED", Flags: conntrack.Template, Template: true, Service: six, Gone: true, NControl: 2,
			PEName: "sip", PEData: "call@host", Timeout: 300 * time.Second,
		},
	}
}

// TestClientConns: what the director has of its connections the client gets.
func TestClientConns(t *testing.T) {
	c := NewClient(NewEngine(&held{Director: director(), conns: someConns()}).Conn())
	list := func(f *hooks.ConnFilter, limit uint32) (got []hooks.ConnInfo) {
		t.Helper()
		err := c.Conns(f, limit, func(i *hooks.ConnInfo) error { got = append(got, *i); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if d := cmp.Diff(someConns(), list(&hooks.ConnFilter{}, 0)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if d := cmp.Diff(someConns()[:1], list(&hooks.ConnFilter{}, 1)); d != "" {
		t.Errorf("limited (-want +got)\n%s", d)
	}
	if d := cmp.Diff(someConns()[1:], list(&hooks.ConnFilter{Client: netip.MustParsePrefix("2001:db8::/64")}, 1)); d != "" {
		t.Errorf("filtered (-want +got)\n%s", d)
	}
	full := errors.New("full")
	if err := c.Conns(&hooks.ConnFilter{}, 0, func(*hooks.ConnInfo) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
}

// TestClientFilter: a filter arrives as it was sent.
func TestClientFilter(t *testing.T) {
	h := &held{Director: director()}
	c := NewClient(NewEngine(h).Conn())
	server := sched.DestKey{Family: packet.IPv6, Addr: addr("2001:db8:1::1"), Port: 8080}
	mark := sched.ServiceKey{Family: packet.IPv6, FWMark: 9}
	want := []hooks.ConnFilter{
		{},
		{
			Service: &webKey, Server: &server, Client: netip.MustParsePrefix("198.51.100.0/24"), CPort: 4711,
			Protocol: packet.ProtoSCTP, State: "ESTABLISHED", MinAge: time.Second, MaxAge: time.Hour, MinIdle: time.Minute,
			Gone: true, Kind: hooks.OnlyTemplates,
		},
		{Service: &mark, Client: netip.MustParsePrefix("2001:db8::/0"), Kind: hooks.OnlyConns},
	}
	for i := range want {
		gone, kept, err := c.DeleteConns(&want[i])
		if gone != 7 || kept != 3 || err != nil {
			t.Error(gone, kept, err)
		}
	}
	if d := cmp.Diff(want, h.deleted, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if _, _, err := c.DeleteConns(&hooks.ConnFilter{State: "a state that is too long"}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}

// TestFilterRefused: what isn't understood of a filter is not passed over.
func TestFilterRefused(t *testing.T) {
	e := newEngine()
	filter := func(fs ...field) field { return nestAs(ExtFilter|attrNested, fs...) }
	for name, req := range map[string][]byte{
		"none":                do(CmdDelConns),
		"unknown attribute":   do(CmdDelConns, filter(u32(40, 1))),
		"short":               do(CmdDelConns, filter(u8(FilterFamily, 2))),
		"long":                do(CmdDelConns, filter(u32(FilterFamily, 2))),
		"client alone":        do(CmdDelConns, filter(raw(FilterClient, 1, 2, 3, 4))),
		"prefix too long":     do(CmdDelConns, filter(u16(FilterFamily, afINET), raw(FilterClient, 1, 2, 3, 4), u8(FilterClientBits, 33))),
		"kind":                do(CmdDelConns, filter(u8(FilterKind, 3))),
		"protocol":            do(CmdDelConns, filter(u16(FilterProtocol, 256))),
		"limit":               do(CmdDelConns, filter(u32(FilterLimit, 1))),
		"service without key": do(CmdDelConns, filter(nestAs(FilterService|attrNested))),
		"server without key":  do(CmdDelConns, filter(nestAs(FilterServer|attrNested))),
		"options, none":       do(CmdSetOptions),
		"options for all":     do(CmdSetOptions, nestAs(ExtOptions|attrNested, u32(OptTCP, 1), u8(OptFlushUDP, 1))),
		"unknown option":      do(CmdSetOptions, nestAs(ExtOptions|attrNested, u32(9, 1))),
	} {
		t.Run(name, func(t *testing.T) {
			var errno syscall.Errno
			if err := e.Handle(req, Caller{}, func(b []byte) error { errno, _ = result(b); return nil }); err != nil {
				t.Fatal(err)
			}
			if errno != syscall.EINVAL {
				t.Errorf("%v", errno)
			}
		})
	}
}

func TestClientOptions(t *testing.T) {
	c := NewClient(newEngine().Conn())
	if _, err := c.Options(&webKey); !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
	want := sched.Options{TCP: 100, TCPFin: 20, UDP: 30, FlushUDP: true}
	if err := c.SetOptions(webKey, want); !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
	if err := c.AddService(sched.ServiceConfig{ServiceKey: webKey, Scheduler: "rr"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetOptions(webKey, want); err != nil {
		t.Error(err)
	}
	if got, err := c.Options(&webKey); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.SetFlushUDP(true); err != nil {
		t.Error(err)
	}
	if got, err := c.Options(nil); got != (sched.Options{FlushUDP: true}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	want.TCP = 1 << 31
	if err := c.SetOptions(webKey, want); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}
