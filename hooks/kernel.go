package hooks

import "fmt"

// Kernel is the Linux version whose rules a director follows where versions
// differ. The zero value is the reference, Linux 6.1.
//
// Linux 7.3 differs in this:
//   - The scheduler twos exists (Debian's 6.1 is built without it).
//   - A persistence template whose server can't be used keeps its virtual port;
//     only its server port becomes 65535. It is never found again, nor is one of
//     a server whose port is 65535.
//   - The connection table is made with the first service, with 256 buckets, and
//     follows the number of connections (conn_lfactor). Each time that it gets
//     another size its chains turn around: of connections that a server's reply
//     fits equally the one at the head is found, which is the newest, as in 6.1,
//     only among those made since the last time. Listings show its size.
//   - There are the settings conn_lfactor, conn_max, svc_lfactor, est_cpulist
//     and est_nice.
//   - A received frame's buffer has more room behind a small one, so that more
//     IPv4 fragments become one piece and are cut elsewhere when they leave
//     (package host).
//   - A rule that marks packets to a port takes no later fragment for one
//     (package host).
//
// Kernel: ip_vs_conn.c, ip_vs_core.c, ip_vs_ctl.c; net/core/skbuff.c;
// net/netfilter/nf_tables_core.c (6.1, 7.3).
type Kernel uint8

// The versions.
const (
	Linux6_1 Kernel = iota
	Linux7_3
)

var kernels = [...]string{Linux6_1: "6.1", Linux7_3: "7.3"}

// String returns the version's number.
func (k Kernel) String() string {
	if int(k) < len(kernels) {
		return kernels[k]
	}
	return fmt.Sprintf("Kernel(%d)", uint8(k))
}

// MarshalText implements encoding.TextMarshaler, as flags want it.
func (k Kernel) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes a version's number: 6.1 or 7.3.
func (k *Kernel) UnmarshalText(text []byte) error {
	for i, n := range kernels {
		if n == string(text) {
			*k = Kernel(i)
			return nil
		}
	}
	return fmt.Errorf("kernel %q: 6.1 or 7.3 is wanted", text)
}
