package rules_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"goipvs/hooks"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/rules"
	"goipvs/internal/setup"
	"goipvs/packet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

// open runs f with tables of a namespace.
func open(t *testing.T, ns *nstest.NS, f func(*rules.Tables)) {
	t.Helper()
	ns.Do(t, func() {
		tables, err := rules.Open(rules.Config{Queue: 7000, Queues: 2, Super: 7002, Bit: 1 << 30})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() {
			if err := tables.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(tables)
	})
	if t.Failed() {
		t.FailNow()
	}
}

func interest(requests, replies []rules.Endpoint, marks ...uint32) *rules.Interest {
	i := rules.NewInterest()
	for _, e := range requests {
		i.Requests[e] = struct{}{}
	}
	for _, e := range replies {
		i.Replies[e] = struct{}{}
	}
	for _, m := range marks {
		i.Marks[m] = struct{}{}
	}
	return i
}

// both is something of everything.
func both() map[packet.Family]*rules.Interest {
	v4 := interest(
		[]rules.Endpoint{{Protocol: 6, Addr: addr("203.0.113.10"), Port: 80}, {Protocol: 17, Addr: addr("203.0.113.11")}},
		[]rules.Endpoint{{Protocol: 6, Addr: addr("10.1.0.11"), Port: 8080}, {Protocol: 17, Addr: addr("10.1.0.12")}}, 7)
	v4.NoTrack = true
	v6 := interest(
		[]rules.Endpoint{{Protocol: 132, Addr: addr("2001:db8:f::10"), Port: 80}, {Protocol: 6, Addr: addr("2001:db8:f::11")}},
		[]rules.Endpoint{{Protocol: 132, Addr: addr("2001:db8:1::11"), Port: 8080}, {Protocol: 6, Addr: addr("2001:db8:1::12")}}, 8)
	v6.IgnoreTunneled = true
	return map[packet.Family]*rules.Interest{packet.IPv4: v4, packet.IPv6: v6}
}

func TestGolden(t *testing.T) {
	ns := nstest.New(t)
	open(t, ns, func(tables *rules.Tables) {
		for _, m := range []setup.MarkAdd{
			{In: "eth0", Dst: netip.MustParsePrefix("192.0.2.0/25"), Protocol: 6, HasDPort: true, DPort: 80, Mark: 7},
			{IPv6: true, Dst: netip.MustParsePrefix("2001:db8::/33"), Mark: 8},
		} {
			tables.AddMark(m)
		}
		if err := tables.Apply(both(), nil); err != nil {
			t.Error(err)
		}
		got := list(t)
		path := filepath.Join("testdata", "tables.golden")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Error(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		if err := tables.Remove(); err != nil {
			t.Error(err)
		}
		if got := list(t); got != "" {
			t.Errorf("left: %s", got)
		}
	})
}

// What deltas add up to is what is made at once.
func TestDeltas(t *testing.T) {
	ns := nstest.New(t)
	open(t, ns, func(tables *rules.Tables) {
		want := both()
		if err := tables.Apply(want, nil); err != nil {
			t.Error(err)
		}
		more, less := rules.Endpoint{Protocol: 6, Addr: addr("203.0.113.12"), Port: 443}, rules.Endpoint{Protocol: 6, Addr: addr("203.0.113.10"), Port: 80}
		want[packet.IPv4].Requests[more] = struct{}{}
		delete(want[packet.IPv4].Requests, less)
		delete(want[packet.IPv4].Marks, 7)
		delta := map[packet.Family]rules.Delta{packet.IPv4: {
			Added: interest([]rules.Endpoint{more}, nil), Gone: interest([]rules.Endpoint{less}, nil, 7),
		}}
		if err := tables.Apply(want, delta); err != nil {
			t.Error(err)
		}
		got := list(t)
		if err := tables.Apply(want, nil); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(list(t), got); d != "" {
			t.Errorf("-at once +by delta:\n%s", d)
		}
		// A family whose last service goes.
		delete(want, packet.IPv4)
		if err := tables.Apply(want, map[packet.Family]rules.Delta{}); err != nil {
			t.Error(err)
		}
		if got := list(t); strings.Contains(got, "table ip goipvs") || !strings.Contains(got, "table ip6 goipvs") {
			t.Errorf("without IPv4:\n%s", got)
		}
	})
}

// Many endpoints take more than one message.
func TestMany(t *testing.T) {
	ns := nstest.New(t)
	open(t, ns, func(tables *rules.Tables) {
		i := rules.NewInterest()
		for n := range 3000 {
			i.Requests[rules.Endpoint{Protocol: 6, Addr: packet.Addr4(0xcb007100 + uint32(n)), Port: 80}] = struct{}{}
		}
		if err := tables.Apply(map[packet.Family]*rules.Interest{packet.IPv4: i}, nil); err != nil {
			t.Error(err)
		}
		if n := strings.Count(list(t), "\n    06000000cb"); n != 3000 {
			t.Errorf("%d elements", n)
		}
	})
}

// Tables of a process before are replaced, those that somebody else deletes are
// noticed and made again.
func TestForeign(t *testing.T) {
	ns := nstest.New(t)
	open(t, ns, func(tables *rules.Tables) {
		if err := tables.Apply(map[packet.Family]*rules.Interest{packet.IPv4: rules.NewInterest(), packet.IPv6: rules.NewInterest()}, nil); err != nil {
			t.Error(err)
		}
	})
	open(t, ns, func(tables *rules.Tables) {
		want := map[packet.Family]*rules.Interest{packet.IPv4: both()[packet.IPv4]}
		if err := tables.Apply(want, nil); err != nil {
			t.Error(err)
		}
		whole := list(t)
		if strings.Contains(whole, "table ip6 goipvs") {
			t.Errorf("left:\n%s", whole)
		}
		lost := make(chan struct{}, 10)
		stop, err := tables.Watch(func() { lost <- struct{}{} })
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = stop() }()
		if err := tables.Apply(want, nil); err != nil { // which deletes, too
			t.Error(err)
		}
		c := &nftables.Conn{}
		c.FlushRuleset()
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-lost:
		case <-time.After(time.Minute):
			t.Error("not noticed within a minute")
		}
		if err := tables.Apply(want, map[packet.Family]rules.Delta{}); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(whole, list(t)); d != "" {
			t.Errorf("again (-want +got):\n%s", d)
		}
		if len(lost) > 0 {
			t.Error("its own deletions were taken for others'")
		}
	})
}

func TestPriorities(t *testing.T) {
	for p, want := range map[hooks.Point]int{hooks.LocalIn: 98, hooks.Forward: 99, hooks.LocalOut: -99} {
		if got := rules.Priority(p); got != want {
			t.Errorf("%v: %d, want %d", p, got, want)
		}
	}
}

// list is what the kernel has in goipvs's tables.
func list(t *testing.T) string {
	var b strings.Builder
	c := &nftables.Conn{}
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for _, f := range []struct {
		name string
		f    nftables.TableFamily
	}{{"ip", nftables.TableFamilyIPv4}, {"ip6", nftables.TableFamilyIPv6}} {
		tables, err := c.ListTablesOfFamily(f.f)
		check(err)
		for _, table := range tables {
			fmt.Fprintf(&b, "table %s %s\n", f.name, table.Name)
			sets, err := c.GetSets(table)
			check(err)
			for _, s := range sets {
				fmt.Fprintf(&b, "  set %s: %s\n", s.Name, s.KeyType.Name)
				elements, err := c.GetSetElements(s)
				check(err)
				var keys []string
				for _, e := range elements {
					keys = append(keys, fmt.Sprintf("    %x\n", e.Key))
				}
				slices.Sort(keys)
				b.WriteString(strings.Join(keys, ""))
			}
			chains, err := c.ListChainsOfTableFamily(f.f)
			check(err)
			for _, chain := range chains {
				fmt.Fprintf(&b, "  chain %s", chain.Name)
				if chain.Hooknum != nil {
					fmt.Fprintf(&b, ": %s hook %d priority %d policy %d", chain.Type, *chain.Hooknum, *chain.Priority, *chain.Policy)
				}
				b.WriteString("\n")
				if chain.Name == "defrag" {
					continue // by one means or another
				}
				all, err := c.GetRules(table, chain)
				check(err)
				for _, r := range all {
					b.WriteString("   ")
					for _, e := range r.Exprs {
						b.WriteString(" " + text(e))
					}
					b.WriteString("\n")
				}
			}
		}
	}
	return b.String()
}

// text is an expression in short. Either way to queue is one.
func text(e expr.Any) string {
	switch e := e.(type) {
	case *expr.Queue:
		return fmt.Sprintf("queue(%d of %d, flags %d)", e.Num, e.Total, e.Flag)
	case *expr.Target:
		info, ok := e.Info.(*xt.Unknown)
		if e.Name == "NFQUEUE" && ok && len(*info) >= 6 {
			i := *info
			return fmt.Sprintf("queue(%d of %d, flags %d)", binary.NativeEndian.Uint16(i), binary.NativeEndian.Uint16(i[2:]), binary.NativeEndian.Uint16(i[4:]))
		}
		return fmt.Sprintf("target(%s %x)", e.Name, e.Info)
	case *expr.Meta:
		return fmt.Sprintf("meta(%d, set %t)", e.Key, e.SourceRegister)
	case *expr.Payload:
		return fmt.Sprintf("payload(%d, %d, %d to %d)", e.Base, e.Offset, e.Len, e.DestRegister)
	case *expr.Cmp:
		return fmt.Sprintf("cmp(%d, %x)", e.Op, e.Data)
	case *expr.Bitwise:
		return fmt.Sprintf("and(%x, xor %x)", e.Mask, e.Xor)
	case *expr.Lookup:
		return "lookup(" + e.SetName + ")"
	case *expr.Hash:
		return fmt.Sprintf("hash(%d mod %d)", e.Length, e.Modulus)
	case *expr.Immediate:
		return fmt.Sprintf("immediate(%x)", e.Data)
	case *expr.Notrack:
		return "notrack"
	case *expr.Verdict:
		switch e.Kind {
		case expr.VerdictAccept:
			return "accept"
		case expr.VerdictJump:
			return "jump(" + e.Chain + ")"
		case expr.VerdictGoto:
			return "goto(" + e.Chain + ")"
		}
		return fmt.Sprintf("verdict(%d)", e.Kind)
	}
	return fmt.Sprintf("%T", e)
}

// Without privilege there is an error that says so.
func TestUnprivileged(t *testing.T) {
	nstest.Root(t)
	done := make(chan error)
	go func() {
		// This thread gives up its capabilities and then ends.
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		runtime.LockOSThread()
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			done <- err
			return
		}
		_, err := rules.Open(rules.Config{Queue: 7000, Queues: 1, Bit: 1 << 30})
		done <- err
	}()
	if err := <-done; err == nil || !strings.Contains(err.Error(), unix.EPERM.Error()) {
		t.Errorf("error %v", err)
	}
}
