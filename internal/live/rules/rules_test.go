package rules_test

import (
	"net/netip"
	"os/exec"
	"testing"

	"goipvs/internal/live/nstest"
	"goipvs/internal/live/rules"
	"goipvs/internal/setup"
	"goipvs/packet"
)

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

func TestX(t *testing.T) {
	ns := nstest.New(t)
	ns.Do(t, func() {
		tb, err := rules.Open(rules.Config{Queue: 7000, Queues: 2, Bit: 1 << 30})
		if err != nil {
			t.Error(err)
			return
		}
		defer tb.Close()
		t.Log(tb.Lacks())
		i := rules.NewInterest()
		i.Requests[rules.Endpoint{6, addr("10.0.0.1"), 80}] = struct{}{}
		i.Requests[rules.Endpoint{6, addr("10.0.0.2"), 0}] = struct{}{}
		i.Replies[rules.Endpoint{6, addr("10.0.1.1"), 80}] = struct{}{}
		i.Replies[rules.Endpoint{17, addr("10.0.1.1"), 0}] = struct{}{}
		i.Marks[7] = struct{}{}
		i.NoTrack = true
		i.IgnoreTunneled = true
		i6 := rules.NewInterest()
		i6.Requests[rules.Endpoint{6, addr("fd00::1"), 80}] = struct{}{}
		tb.AddMark(setup.MarkAdd{In: "eth0", Dst: netip.MustParsePrefix("10.1.0.0/20"), Protocol: 6, HasDPort: true, DPort: 80, Mark: 9})
		if err := tb.Apply(map[packet.Family]*rules.Interest{packet.IPv4: i, packet.IPv6: i6}); err != nil {
			t.Error(err)
		}
		out, err := exec.Command("nft", "-n", "list", "ruleset").CombinedOutput()
		t.Log(string(out), err)
		delete(i.Requests, rules.Endpoint{6, addr("10.0.0.1"), 80})
		i.Requests[rules.Endpoint{6, addr("10.0.0.1"), 81}] = struct{}{}
		if err := tb.Apply(map[packet.Family]*rules.Interest{packet.IPv4: i}); err != nil {
			t.Error(err)
		}
		out, err = exec.Command("nft", "-n", "list", "ruleset").CombinedOutput()
		t.Log(string(out), err)
		tb.Remove()
		out, err = exec.Command("nft", "-n", "list", "ruleset").CombinedOutput()
		t.Log(string(out), err)
	})
}
