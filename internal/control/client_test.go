package control

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

var (
	webKey  = sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: addr("10.0.0.1"), Port: 80}
	web6Key = sched.ServiceKey{Family: packet.IPv6, Protocol: packet.ProtoUDP, Addr: addr("2001:db8::80"), Port: 53}
	markKey = sched.ServiceKey{Family: packet.IPv6, FWMark: 1<<31 + 7}
)

// TestClientServices: what is added comes back the same.
func TestClientServices(t *testing.T) {
	c := NewClient(newEngine().Conn())
	services := []sched.ServiceConfig{
		{ServiceKey: webKey, Scheduler: "wlc", Flags: sched.Persistent | sched.Sched1, Timeout: 300, Netmask: 0xffffff00},
		{ServiceKey: web6Key, Scheduler: "rr", PE: "sip", Flags: sched.OnePacket, Netmask: 64},
		{ServiceKey: markKey, Scheduler: "none", Netmask: 128},
	}
	for _, s := range services {
		if err := c.AddService(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range services {
		got, err := c.Service(s.ServiceKey)
		if d := cmp.Diff(s, got.ServiceConfig); d != "" || err != nil {
			t.Error(err, d)
		}
	}
	all, err := c.Services()
	if err != nil || len(all) != len(services) {
		t.Errorf("%d services, %v", len(all), err)
	}
	edited := services[0]
	edited.Scheduler, edited.Flags, edited.Timeout = "sh", 0, 0
	if err := c.EditService(edited); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Service(webKey); got.Scheduler != "sh" || got.Flags != 0 || err != nil {
		t.Errorf("edited: %+v, %v", got, err)
	}
	for _, step := range []struct {
		name string
		err  error
		want error
	}{
		{"add twice", c.AddService(services[0]), syscall.EEXIST},
		{"unknown scheduler", c.EditService(sched.ServiceConfig{ServiceKey: webKey, Scheduler: "nosuch"}), syscall.ENOENT},
		{"very long scheduler", c.AddService(sched.ServiceConfig{ServiceKey: webKey, Scheduler: strings.Repeat("x", 1<<20)}), syscall.EINVAL},
		{"zero", c.Zero(webKey), nil},
		{"zero another", c.Zero(sched.ServiceKey{Family: packet.IPv4, FWMark: 9}), syscall.ESRCH},
		{"zero all", c.ZeroAll(), nil},
		{"delete", c.DelService(webKey), nil},
		{"delete again", c.DelService(webKey), syscall.ESRCH},
		{"no family", c.DelService(sched.ServiceKey{FWMark: 1}), syscall.ESRCH},
		{"flush", c.Flush(), nil},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, step.err, step.want)
		}
	}
	if all, err := c.Services(); err != nil || len(all) != 0 {
		t.Errorf("after flush: %+v, %v", all, err)
	}
}

func TestClientDests(t *testing.T) {
	c := NewClient(newEngine().Conn())
	if err := c.AddService(sched.ServiceConfig{ServiceKey: webKey, Scheduler: "rr"}); err != nil {
		t.Fatal(err)
	}
	dests := []sched.DestConfig{
		{DestKey: sched.DestKey{Family: packet.IPv4, Addr: addr("10.1.0.1"), Port: 8080}, Forward: sched.Masq, Weight: 1, Upper: 10, Lower: 5},
		{DestKey: sched.DestKey{Family: packet.IPv6, Addr: addr("2001:db8::1"), Port: 80}, Forward: sched.Tunnel, Weight: 1<<31 - 1,
			TunType: sched.TunGUE, TunPort: 6080, TunFlags: sched.TunRemCsum},
		{DestKey: sched.DestKey{Family: packet.IPv4, Addr: addr("127.0.0.1"), Port: 80}, Forward: sched.DRoute},
	}
	for _, d := range dests {
		if err := c.AddDest(webKey, d); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Dests(webKey)
	if err != nil {
		t.Fatal(err)
	}
	var configs []sched.DestConfig
	for i := len(got) - 1; i >= 0; i-- { // newest first
		configs = append(configs, got[i].DestConfig)
	}
	if d := cmp.Diff(dests, configs); d != "" {
		t.Error(d)
	}
	edited := dests[0]
	edited.Weight, edited.Upper = 7, 4
	for _, step := range []struct {
		name string
		err  error
		want error
	}{
		{"add twice", c.AddDest(webKey, dests[0]), syscall.EEXIST},
		{"thresholds", c.EditDest(webKey, edited), syscall.ERANGE},
		{"edit another", c.EditDest(webKey, sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Port: 1}}), syscall.ENOENT},
		{"to another", c.AddDest(web6Key, dests[1]), syscall.ESRCH},
		{"delete", c.DelDest(webKey, dests[0].DestKey), nil},
		{"delete again", c.DelDest(webKey, dests[0].DestKey), syscall.ENOENT},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, step.err, step.want)
		}
	}
	if got, err := c.Dests(web6Key); len(got) != 0 || err != nil {
		t.Errorf("servers of no service: %v, %v", got, err)
	}
}

func TestClientSettings(t *testing.T) {
	c := NewClient(newEngine().Conn())
	all, err := c.Settings()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if v, err := c.Setting(s.Name); v != s.Value || err != nil {
			t.Errorf("%s: %q and %q, %v", s.Name, s.Value, v, err)
		}
	}
	if d := cmp.Diff(hooks.New(hooks.Config{}).Settings(), names); d != "" {
		t.Error(d)
	}
	if err := c.SetSetting("sync_threshold", "2 20"); err != nil {
		t.Error(err)
	}
	if v, err := c.Setting("sync_threshold"); v != "2\t20" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	for _, step := range []struct {
		name, value string
		want        error
	}{
		{"drop_entry", "4", syscall.EINVAL},
		{"drop_entry", "", syscall.EINVAL},
		{"nosuch", "1", syscall.ENOENT},
		{"", "1", syscall.ENOENT},
		{"conntrack", strings.Repeat("1", 1<<20), syscall.EINVAL},
	} {
		if err := c.SetSetting(step.name, step.value); !errors.Is(err, step.want) {
			t.Errorf("%s=%.10s: %v, want %v", step.name, step.value, err, step.want)
		}
	}
	if _, err := c.Setting("nosuch"); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}

func TestClientTimeouts(t *testing.T) {
	c := NewClient(newEngine().Conn())
	if err := c.SetTimeouts(0, 7*time.Second, 8*time.Second); err != nil {
		t.Fatal(err)
	}
	tcp, fin, udp, err := c.Timeouts()
	if tcp != 900*time.Second || fin != 7*time.Second || udp != 8*time.Second || err != nil {
		t.Error(tcp, fin, udp, err)
	}
	for _, bad := range []time.Duration{-time.Second, 1 << 62} {
		if err := c.SetTimeouts(bad, 0, 0); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestClientDaemons(t *testing.T) {
	c := NewClient(newEngine().Conn())
	if all, err := c.Daemons(); len(all) != 0 || err != nil {
		t.Error(all, err)
	}
	for _, group := range []string{"224.0.0.81", "ff02::1"} {
		d := Daemon{State: 1, Interface: "lo", SyncID: 3, MaxLen: 1400, Group: netip.MustParseAddr(group), Port: 8848, TTL: 2}
		if err := c.StartDaemon(d); !errors.Is(err, syscall.EINVAL) {
			t.Error(err)
		}
		if err := c.StopDaemon(d); !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		w := &writer{}
		w.daemon(&d)
		if got, err := decodeDaemon(w.b[attrHeader:]); got != d || err != nil {
			t.Errorf("decoded %+v, %v", got, err)
		}
	}
}

func TestClientProc(t *testing.T) {
	const n = 5_000
	e := NewEngine(crowd{director(), n})
	c := NewClient(e.Conn())
	for _, name := range []string{ProcConns, ProcConnSync} {
		var b bytes.Buffer
		if err := c.Proc(name, &b); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(b.Bytes(), []byte("\n")); got != n+1 {
			t.Errorf("%s: %d lines, want %d", name, got, n+1)
		}
		last := []byte("\nTCP 00001387 0000 ")
		if !bytes.Contains(b.Bytes(), last) {
			t.Errorf("%s: no %q", name, last)
		}
	}
	if err := c.Proc("ip_vs_nosuch", io.Discard); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
	full := errors.New("disk full")
	if err := c.Proc(ProcConns, failing{full}); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := c.Proc(ProcStats, io.Discard); err != nil {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// canned answers every request with the same datagrams.
type canned [][]byte

func (c canned) Request(_ []byte, answer func([]byte) error) error {
	for _, b := range c {
		if err := answer(b); err != nil {
			return err
		}
	}
	return nil
}

func (canned) Close() error { return nil }

// answer builds a message to the first request of a client.
func answer(typ uint16, body ...byte) []byte {
	w := &writer{}
	w.start(header{typ: typ, seq: 1})
	w.b = append(w.b, body...)
	w.end(0)
	return w.b
}

func TestClientMalformedAnswer(t *testing.T) {
	ack := answer(nlmsgError, 0, 0, 0, 0)
	for _, tc := range []struct {
		name    string
		answers [][]byte
		call    func(*Client) error
	}{
		{"other sequence number", [][]byte{with(bytes.Clone(ack), 8, 9)}, (*Client).Flush},
		{"short error", [][]byte{answer(nlmsgError, 1)}, (*Client).Flush},
		{"positive error", [][]byte{answer(nlmsgError, 1, 0, 0, 0)}, (*Client).Flush},
		{"information without attributes", [][]byte{answer(FamilyID, CmdSetInfo, 1, 0, 0), ack}, func(c *Client) error { _, _, err := c.Info(); return err }},
		{"service without attributes", [][]byte{answer(FamilyID, CmdNewService, 1, 0, 0), ack}, func(c *Client) error { _, err := c.Services(); return err }},
		{"server without attributes", [][]byte{answer(FamilyID, CmdNewDest, 1, 0, 0), ack}, func(c *Client) error { _, err := c.Dests(webKey); return err }},
		{"daemon without attributes", [][]byte{answer(FamilyID, CmdNewDaemon, 1, 0, 0), ack}, func(c *Client) error { _, err := c.Daemons(); return err }},
		{"timeouts without attributes", [][]byte{answer(FamilyID, CmdSetConfig, 1, 0, 0), ack}, func(c *Client) error { _, _, _, err := c.Timeouts(); return err }},
		{"setting without attributes", [][]byte{answer(FamilyID, CmdGetSetting, 1, 0, 0), ack}, func(c *Client) error { _, err := c.Settings(); return err }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.call(NewClient(canned(tc.answers))); !errors.Is(err, ErrAnswer) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRequestRefused: a request that would never be answered is not sent.
func TestRequestRefused(t *testing.T) {
	c := newEngine().Conn()
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"no acknowledgement":  msg(FamilyID, flagRequest, CmdGetInfo),
		"no request":          msg(FamilyID, flagAck, CmdGetInfo),
		"control message":     msg(3, flagRequest|flagAck, 0),
		"two messages":        append(do(CmdGetInfo), do(CmdGetInfo)...),
		"message and rubbish": append(do(CmdGetInfo), 1, 2, 3),
		"too long":            make([]byte, MaxRequest+1),
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Request(b, func([]byte) error { return nil }); !errors.Is(err, errRequest) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func BenchmarkConns(b *testing.B) {
	const n = 100_000
	c := NewClient(NewEngine(crowd{director(), n}).Conn())
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Proc(ProcConns, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/conn")
}

func BenchmarkAddService(b *testing.B) {
	c := NewClient(newEngine().Conn())
	s := sched.ServiceConfig{ServiceKey: webKey, Scheduler: "rr", Netmask: 0xffffffff}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.AddService(s); err != nil {
			b.Fatal(err)
		}
		if err := c.DelService(webKey); err != nil {
			b.Fatal(err)
		}
	}
}
