package onlooker

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Hooks of netfilter.
//
// Kernel: include/uapi/linux/netfilter.h, enum nf_inet_hooks.
const (
	hookForward = 2
	hookOutput  = 3
	hookPost    = 4
)

// The families, as places in a View.
const (
	IPv4 = iota
	IPv6
	families
)

// View is who looks on, by family, the first that was found; "": nobody.
type View struct {
	Output  [families]string // what goes out by OUTPUT and POSTROUTING
	Forward [families]string // what goes out behind our place at FORWARD, and by POSTROUTING
	Any     [families]string // anything at all: the kernel may track connections, then
}

// sight is a place where rules are.
type sight struct {
	hook     uint32
	priority int32
	name     string
}

// see notes a place of a family with rules.
func (v *View) see(family int, s sight, forward int32) {
	first := func(at *[families]string) {
		if at[family] == "" {
			at[family] = s.name
		}
	}
	first(&v.Any)
	switch {
	case s.hook == hookPost:
		first(&v.Output)
		first(&v.Forward)
	case s.hook == hookOutput:
		first(&v.Output)
	case s.hook == hookForward && s.priority >= forward:
		first(&v.Forward)
	}
}

// Look looks at all rules of the calling thread's network namespace but those of
// nf_tables' tables called own, which are at FORWARD with the priority forward.
func Look(own string, forward int) (v View, err error) {
	chains, err := chains(own)
	if err != nil {
		return v, err
	}
	for _, c := range chains {
		for f, in := range [families]uint8{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
			if c.family == in || c.family == unix.NFPROTO_INET {
				v.see(f, c.sight, int32(forward))
			}
		}
	}
	for f := range families {
		tables, err := xtables(f)
		if err != nil {
			return v, err
		}
		for _, s := range tables {
			v.see(f, s, int32(forward))
		}
		policy, err := ipsec(f)
		if err != nil {
			return v, err
		}
		if policy {
			v.see(f, sight{hook: hookPost, name: "IPsec policies"}, int32(forward))
		}
	}
	return v, nil
}

// chain is a base chain of nf_tables that does something.
type chain struct {
	family uint8
	sight
}

// Kernel: include/uapi/linux/netfilter/nf_tables.h, enum nft_chain_attributes.
const (
	chainTable    = 1
	chainName     = 3
	chainHook     = 4
	chainPolicy   = 5
	chainUse      = 6
	hookNumber    = 1
	hookPriority  = 2
	sizeGenHeader = 4 // struct nfgenmsg
)

// chains lists the base chains that have rules, or drop what comes to their end.
func chains(own string) (all []chain, err error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	const get = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETCHAIN
	msgs, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: get, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, sizeGenHeader),
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil // no nf_tables, no chains
	} else if err != nil {
		return nil, fmt.Errorf("nftables' chains: %w", err)
	}
	for _, m := range msgs {
		x, does, err := parseChain(m.Data, own)
		if err != nil {
			return nil, fmt.Errorf("nftables' chains: %w", err)
		}
		if does {
			all = append(all, x)
		}
	}
	return all, nil
}

// parseChain reads a chain. It reports whether that is somebody else's and does
// anything.
func parseChain(b []byte, own string) (c chain, does bool, err error) {
	if len(b) < sizeGenHeader {
		return c, false, unix.EPROTO
	}
	c.family = b[0]
	ad, err := netlink.NewAttributeDecoder(b[sizeGenHeader:])
	if err != nil {
		return c, false, err
	}
	ad.ByteOrder = bigEndian
	var table, name string
	var use, policy uint32 = 0, 1
	base := false
	for ad.Next() {
		switch ad.Type() {
		case chainTable:
			table = ad.String()
		case chainName:
			name = ad.String()
		case chainUse:
			use = ad.Uint32()
		case chainPolicy:
			policy = ad.Uint32()
		case chainHook:
			base = true
			ad.Nested(func(ad *netlink.AttributeDecoder) error {
				for ad.Next() {
					switch ad.Type() {
					case hookNumber:
						c.hook = ad.Uint32()
					case hookPriority:
						c.priority = int32(ad.Uint32())
					}
				}
				return ad.Err()
			})
		}
	}
	const accept = 1
	c.name = fmt.Sprintf("nftables' chain %s in table %s", name, table)
	if err := ad.Err(); err != nil {
		return c, false, err
	}
	return c, base && table != own && (use > 0 || policy != accept), nil
}

// ipsec reports whether policies say that something leaves encrypted, or not at
// all.
func ipsec(family int) (bool, error) {
	af := [families]int{unix.AF_INET, unix.AF_INET6}[family]
	list, err := vnl.XfrmPolicyList(af)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("IPsec policies: %w", err)
	}
	for _, p := range list {
		if p.Dir == vnl.XFRM_DIR_OUT {
			return true, nil
		}
	}
	return false, nil
}
