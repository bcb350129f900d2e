package rules

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// kernel is what the kernel can do.
type kernel struct {
	noIPv6  bool                                  // nftables knows no IPv6
	compat  bool                                  // queue by the xtables target
	hash    bool                                  // there is the hash expression
	notrack bool                                  // there is the notrack expression
	defrag  func(nftables.TableFamily) []expr.Any // switches reassembly on; nil: nothing does
	lacks   []string
}

// queue is the end of a rule that queues, in one of n queues by addresses.
func (k *kernel) queue(first, n uint16) []expr.Any {
	if k.compat {
		return []expr.Any{nfqueueTarget(first, n)}
	}
	return []expr.Any{&expr.Queue{Num: first, Total: n}}
}

// nfqueueTarget is the xtables target NFQUEUE, without bypass and fan-out.
//
// Kernel: include/uapi/linux/netfilter/xt_NFQUEUE.h, struct xt_NFQ_info_v3.
func nfqueueTarget(first, n uint16) expr.Any {
	info := xt.Unknown(binary.NativeEndian.AppendUint16(nil, first))
	info = binary.NativeEndian.AppendUint16(info, n)
	info = append(info, 0, 0)
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}
}

// socketMatch is the xtables match socket, which asks for reassembly when a
// rule has it, and for nothing else.
//
// Kernel: net/netfilter/xt_socket.c, socket_mt_enable_defrag.
func socketMatch(nftables.TableFamily) []expr.Any {
	info := xt.Unknown{0}
	return []expr.Any{&expr.Match{Name: "socket", Rev: 3, Info: &info}}
}

// transparentProxy is nftables's tproxy, which does the same.
func transparentProxy(f nftables.TableFamily) []expr.Any {
	return []expr.Any{
		load(expr.MetaKeyL4PROTO), equal(unix.IPPROTO_TCP),
		&expr.Immediate{Register: reg, Data: []byte{0, 1}},
		&expr.TProxy{Family: byte(f), TableFamily: byte(f), RegPort: reg},
	}
}

// probe finds out by trying, with rules that are gone with the transaction that
// adds them.
func (k *kernel) probe(c *nftables.Conn, config Config) error {
	of := func(e ...expr.Any) func(nftables.TableFamily) []expr.Any {
		return func(nftables.TableFamily) []expr.Any { return e }
	}
	err := try(c, nftables.TableFamilyIPv6, of(accept()...))
	k.noIPv6 = errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
	both := func(e func(nftables.TableFamily) []expr.Any) error {
		err := try(c, nftables.TableFamilyIPv4, e)
		if err != nil || k.noIPv6 {
			return err
		}
		return try(c, nftables.TableFamilyIPv6, e)
	}
	if err := both(of(&expr.Queue{Num: config.Queue, Total: config.Queues})); err != nil {
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("nftables: %w", unix.EPERM)
		}
		if err := both(of(nfqueueTarget(config.Queue, config.Queues))); err != nil {
			return fmt.Errorf("nftables can't queue packets, neither by its queue expression (CONFIG_NFT_QUEUE) nor by the NFQUEUE target (CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_NFQUEUE): %w", err)
		}
		k.compat = true
	}
	k.hash = both(of(hash(12, 4, 0, 2)...)) == nil // else queues are chosen by addresses
	if k.notrack = both(of(notrack()...)) == nil; !k.notrack {
		k.lacks = append(k.lacks, "without nftables's notrack (CONFIG_NFT_CT) the kernel tracks the connections of services, if it tracks connections at all")
	}
	switch {
	case both(socketMatch) == nil:
		k.defrag = socketMatch
	case both(transparentProxy) == nil:
		k.defrag = transparentProxy
	default:
		k.lacks = append(k.lacks, "without CONFIG_NETFILTER_XT_MATCH_SOCKET and CONFIG_NFT_TPROXY nothing puts forwarded fragments together: replies in fragments, and all fragments in IPv6, are lost, unless the kernel tracks connections")
	}
	return nil
}

// try adds a table with a rule and deletes it, in one transaction.
func try(c *nftables.Conn, f nftables.TableFamily, e func(nftables.TableFamily) []expr.Any) error {
	t := c.AddTable(&nftables.Table{Family: f, Name: Name + "-probe"})
	chain := c.AddChain(&nftables.Chain{Table: t, Name: "probe"})
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: e(f)})
	c.DelTable(t)
	return c.Flush()
}
