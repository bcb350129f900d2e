package fuzzer

import (
	"errors"
	"fmt"
	"strings"
)

// Features is what a case may contain. What is left out is never generated, so
// that a known gap doesn't hide what else there is to find.
type Features uint64

// The features. A case draws some of those allowed to it.
const (
	V4 Features = 1 << iota
	V6
	TCP
	UDP
	SCTP
	NAT
	DR
	IPIP
	GUE
	GRE
	LocalNode // servers that are the director itself
	FWMark
	CatchAll // services of port 0
	Persist
	SIP
	OnePacket
	Thresholds
	Weights     // other than 1, with 0
	SchedBasic  // rr wrr lc wlc sed nq fo ovf
	SchedHash   // sh dh mh, with their flags
	SchedLocal  // lblc lblcr
	MixedFamily // tunnels to servers of the other family
	Settings
	Conntrack // the setting
	Edits     // changes while traffic passes
	EditMethod
	Listings
	ICMPErrors
	ICMPOther // echo and whatever else is no error
	Tunneled  // ICMP errors about tunnelled packets
	Fragments
	Options // of IPv4, extension headers of IPv6
	TTL
	SmallMTU
	Broken // damaged headers and checksums
	Strays // other protocols, own addresses, addresses of frames
	LocalClients
	Expiry
	Routes // servers behind gateways, without routes; one arm
	FTP

	numFeatures = iota
)

var featureNames = [numFeatures]string{
	"v4", "v6", "tcp", "udp", "sctp", "nat", "dr", "ipip", "gue", "gre", "localnode", "fwmark", "catchall", "persist", "sip",
	"ops", "thresholds", "weights", "sched", "hash", "lblc", "mixed", "settings", "conntrack", "edits", "editmethod", "listings",
	"icmp", "icmpother", "tunneled", "fragments", "options", "ttl", "mtu", "broken", "strays", "localclients", "expiry", "routes", "ftp",
}

// groups are names for several features.
var groups = map[string]Features{
	"all":     1<<numFeatures - 1,
	"simple":  V4 | V6 | TCP | UDP | NAT | DR | IPIP | Weights | SchedBasic | SchedHash | Listings,
	"methods": NAT | DR | IPIP | GUE | GRE | LocalNode,
}

// Default is all that there is.
const Default = 1<<numFeatures - 1

// ErrFeature is what ParseFeatures returns for a name that it doesn't know.
var ErrFeature = errors.New("no such feature")

// ParseFeatures reads a list of names separated by commas. A name after a minus
// takes the feature out; a list that begins so starts from Default.
func ParseFeatures(list string) (Features, error) {
	var f Features
	if list == "" || strings.HasPrefix(list, "-") {
		f = Default
	}
	for word := range strings.SplitSeq(list, ",") {
		if word == "" {
			continue
		}
		name, out := strings.CutPrefix(word, "-")
		x, ok := groups[name]
		for i, n := range featureNames {
			if n == name {
				x, ok = 1<<i, true
			}
		}
		if name == "default" {
			x, ok = Default, true
		}
		switch {
		case !ok:
			return 0, fmt.Errorf("%w: %s", ErrFeature, name)
		case out:
			f &^= x
		default:
			f |= x
		}
	}
	return f.whole(), nil
}

// whole adds what a case can't do without.
func (f Features) whole() Features {
	for _, need := range []struct{ of, least Features }{
		{V4 | V6, V4}, {TCP | UDP | SCTP, TCP | UDP}, {groups["methods"], NAT}, {SchedBasic | SchedHash | SchedLocal, SchedBasic},
	} {
		if f&need.of == 0 {
			f |= need.least
		}
	}
	return f
}

// String returns the names, separated by commas.
func (f Features) String() string {
	var all []string
	for i, n := range featureNames {
		if f&(1<<i) != 0 {
			all = append(all, n)
		}
	}
	return strings.Join(all, ",")
}

// has reports whether all features of x are there.
func (f Features) has(x Features) bool { return f&x == x }
