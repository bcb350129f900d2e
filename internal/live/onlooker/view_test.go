package onlooker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	vnl "github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"goipvs/internal/live/nstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rule adds a chain to a table and, if does, a rule to it.
func rule(t *testing.T, family nftables.TableFamily, table string, hook *nftables.ChainHook, priority int32, does bool, policy nftables.ChainPolicy) {
	c, err := nftables.New()
	if err != nil {
		t.Error(err)
		return
	}
	tab := c.AddTable(&nftables.Table{Family: family, Name: table})
	ch := c.AddChain(&nftables.Chain{
		Table: tab, Name: "chain", Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: new(nftables.ChainPriority(priority)), Policy: &policy,
	})
	if does {
		c.AddRule(&nftables.Rule{Table: tab, Chain: ch, Exprs: []expr.Any{&expr.Counter{}}})
	}
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
}

// who says who looks on where: "out 4", "forward 6", …
func who(v View) string {
	var all []string
	for _, x := range []struct {
		name string
		by   [families]string
	}{{"out", v.Output}, {"forward", v.Forward}, {"any", v.Any}} {
		for f, by := range x.by {
			if by != "" {
				all = append(all, x.name+[]string{" 4", " 6"}[f])
			}
		}
	}
	return strings.Join(all, ", ")
}

func TestLook(t *testing.T) {
	const accept, drop = nftables.ChainPolicyAccept, nftables.ChainPolicyDrop
	v4, v6, inet := nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet
	out, post, forward, in := nftables.ChainHookOutput, nftables.ChainHookPostrouting, nftables.ChainHookForward, nftables.ChainHookInput
	for _, c := range []struct {
		name string
		with func(*testing.T)
		want string
	}{
		{"nothing", func(*testing.T) {}, ""},
		{"an empty chain", func(t *testing.T) { rule(t, v4, "user", out, 0, false, accept) }, ""},
		{"one that drops", func(t *testing.T) { rule(t, v4, "user", out, 0, false, drop) }, "out 4, any 4"},
		{"a rule at OUTPUT", func(t *testing.T) { rule(t, v6, "user", out, -300, true, accept) }, "out 6, any 6"},
		{"a rule at POSTROUTING", func(t *testing.T) { rule(t, inet, "user", post, 0, true, accept) }, "out 4, out 6, forward 4, forward 6, any 4, any 6"},
		{"a rule at FORWARD, before us", func(t *testing.T) { rule(t, v4, "user", forward, 0, true, accept) }, "any 4"},
		{"a rule at FORWARD, behind us", func(t *testing.T) { rule(t, v4, "user", forward, 99, true, accept) }, "forward 4, any 4"},
		{"a rule at INPUT", func(t *testing.T) { rule(t, v4, "user", in, 0, true, accept) }, "any 4"},
		{"a rule of our own", func(t *testing.T) { rule(t, v4, "own", post, 0, true, accept) }, ""},
		{"a table of iptables, empty", func(t *testing.T) { legacy(t, IPv4, -2) }, ""},
		{"a table of iptables that drops", func(t *testing.T) { legacy(t, IPv4, -1) }, "out 4, any 4"},
		{"a table of ip6tables that drops", func(t *testing.T) { legacy(t, IPv6, -1) }, "out 6, any 6"},
		{"IPsec", func(t *testing.T) {
			_, all, err := vnlNet("0.0.0.0/0")
			if err == nil {
				err = vnl.XfrmPolicyAdd(&vnl.XfrmPolicy{Src: all, Dst: all, Dir: vnl.XFRM_DIR_OUT, Tmpls: []vnl.XfrmPolicyTmpl{{Proto: vnl.XFRM_PROTO_ESP, Mode: vnl.XFRM_MODE_TRANSPORT}}})
			}
			if err != nil {
				t.Error(err)
			}
		}, "out 4, forward 4, any 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nstest.New(t).Do(t, func() {
				c.with(t)
				v, err := Look("own", 99)
				if err != nil {
					t.Error(err)
				}
				if d := cmp.Diff(c.want, who(v)); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			})
		})
	}
}

func TestWatch(t *testing.T) {
	ns := nstest.New(t)
	news := make(chan struct{}, 100)
	ns.Do(t, func() {
		stop, err := Watch(func() { news <- struct{}{} })
		if err != nil {
			t.Error(err)
			return
		}
		defer func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}()
		rule(t, nftables.TableFamilyIPv4, "user", nftables.ChainHookOutput, 0, true, nftables.ChainPolicyAccept)
		<-news
	})
}
