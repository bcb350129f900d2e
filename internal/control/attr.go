package control

import (
	"bytes"
	"encoding/binary"
	"iter"
	"syscall"

	"goipvs/packet"
)

// kind says what a kind of attribute may look like.
type kind uint8

const (
	anything  kind = iota
	fixed          // at least so many octets
	atMost         // not more than so many
	nulString      // a terminated string of at most so many characters
	nested         // attributes, or nothing
)

// rule is what is asked of an attribute.
//
// Kernel: include/net/netlink.h, struct nla_policy (6.1).
type rule struct {
	kind kind
	len  int
}

// policy is the rules by type; types beyond are ignored.
type policy []rule

// attrs are the attributes of a message by type; nil: absent. The last one of a
// type counts.
type attrs [][]byte

const attrTypeMask = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

// each are the attributes in b with their types. What follows a malformed one
// is ignored.
func each(b []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for len(b) >= attrHeader {
			n := int(ne.Uint16(b))
			if n < attrHeader || n > len(b) {
				return
			}
			if !yield(int(ne.Uint16(b[2:])&attrTypeMask), b[attrHeader:n:n]) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

// parse reads attributes and holds them against the policy, as liberally as the
// kernel does for this family.
//
// Kernel: lib/nlattr.c, __nla_validate_parse with NL_VALIDATE_LIBERAL (6.1).
func (p policy) parse(b []byte) (attrs, error) {
	a := make(attrs, len(p))
	for typ, v := range each(b) {
		if typ == 0 || typ >= len(p) {
			continue
		}
		if err := p[typ].check(v); err != nil {
			return nil, err
		}
		a[typ] = v
	}
	return a, nil
}

// check is validate_nla.
//
// Kernel: lib/nlattr.c, validate_nla (6.1).
func (r rule) check(v []byte) error {
	switch r.kind {
	case fixed:
		if len(v) < r.len {
			return syscall.ERANGE
		}
	case atMost:
		if len(v) > r.len {
			return syscall.ERANGE
		}
	case nested:
		if len(v) != 0 && len(v) < attrHeader {
			return syscall.ERANGE
		}
	case nulString:
		if bytes.IndexByte(v[:min(len(v), r.len+1)], 0) < 0 {
			return syscall.EINVAL
		}
		n := len(v)
		if v[n-1] == 0 {
			n--
		}
		if n > r.len {
			return syscall.ERANGE
		}
	}
	return nil
}

func (a attrs) has(types ...int) bool {
	for _, t := range types {
		if a[t] == nil {
			return false
		}
	}
	return true
}

// The getters want an attribute that is there and was checked.

func (a attrs) u8(t int) uint8    { return a[t][0] }
func (a attrs) u16(t int) uint16  { return ne.Uint16(a[t]) }
func (a attrs) be16(t int) uint16 { return binary.BigEndian.Uint16(a[t]) }
func (a attrs) u32(t int) uint32  { return ne.Uint32(a[t]) }

// str returns a terminated string, "" if there is none.
func (a attrs) str(t int) string {
	v := a[t]
	if i := bytes.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	return string(v)
}

// addr returns an address, as much of it as there is.
func (a attrs) addr(t int, f packet.Family) (r packet.Addr) {
	n := len(r)
	if f == packet.IPv4 {
		n = 4
	}
	copy(r[:n], a[t])
	return r
}

// The rules of the family's attributes.
//
// Kernel: ip_vs_ctl.c, ip_vs_cmd_policy and its fellows (6.1).
var (
	ctrlPolicy = policy{
		ctrlAttrID:   {fixed, 2},
		ctrlAttrName: {nulString, familyNameMax},
	}
	cmdPolicy = policy{
		CmdAttrService:       {nested, 0},
		CmdAttrDest:          {nested, 0},
		CmdAttrDaemon:        {nested, 0},
		CmdAttrTimeoutTCP:    {fixed, 4},
		CmdAttrTimeoutTCPFin: {fixed, 4},
		CmdAttrTimeoutUDP:    {fixed, 4},
	}
	svcPolicy = policy{
		SvcAttrAF:        {fixed, 2},
		SvcAttrProtocol:  {fixed, 2},
		SvcAttrAddr:      {atMost, 16},
		SvcAttrPort:      {fixed, 2},
		SvcAttrFWMark:    {fixed, 4},
		SvcAttrSchedName: {nulString, schedNameMax},
		SvcAttrFlags:     {atMost, 8},
		SvcAttrTimeout:   {fixed, 4},
		SvcAttrNetmask:   {fixed, 4},
		SvcAttrStats:     {nested, 0},
		SvcAttrPEName:    {nulString, peNameMax},
		SvcAttrStats64:   {anything, 0},
	}
	destPolicy = policy{
		DestAttrAddr:         {atMost, 16},
		DestAttrPort:         {fixed, 2},
		DestAttrFwdMethod:    {fixed, 4},
		DestAttrWeight:       {fixed, 4},
		DestAttrUThresh:      {fixed, 4},
		DestAttrLThresh:      {fixed, 4},
		DestAttrActiveConns:  {fixed, 4},
		DestAttrInactConns:   {fixed, 4},
		DestAttrPersistConns: {fixed, 4},
		DestAttrStats:        {nested, 0},
		DestAttrAddrFamily:   {fixed, 2},
		DestAttrStats64:      {anything, 0},
		DestAttrTunType:      {fixed, 1},
		DestAttrTunPort:      {fixed, 2},
		DestAttrTunFlags:     {fixed, 2},
	}
	daemonPolicy = policy{
		DaemonAttrState:       {fixed, 4},
		DaemonAttrMcastIfn:    {nulString, ifNameMax},
		DaemonAttrSyncID:      {fixed, 4},
		DaemonAttrSyncMaxlen:  {fixed, 2},
		DaemonAttrMcastGroup:  {fixed, 4},
		DaemonAttrMcastGroup6: {fixed, 16},
		DaemonAttrMcastPort:   {fixed, 2},
		DaemonAttrMcastTTL:    {fixed, 1},
	}
	infoPolicy = policy{
		InfoAttrVersion:     {fixed, 4},
		InfoAttrConnTabSize: {fixed, 4},
	}
	statsPolicy = policy{
		StatsAttrConns:    {fixed, 4},
		StatsAttrInPkts:   {fixed, 4},
		StatsAttrOutPkts:  {fixed, 4},
		StatsAttrInBytes:  {fixed, 8},
		StatsAttrOutBytes: {fixed, 8},
		StatsAttrCPS:      {fixed, 4},
		StatsAttrInPPS:    {fixed, 4},
		StatsAttrOutPPS:   {fixed, 4},
		StatsAttrInBPS:    {fixed, 4},
		StatsAttrOutBPS:   {fixed, 4},
	}
	extPolicy = policy{
		ExtName: {atMost, 256},
		ExtText: {anything, 0},
	}
)
