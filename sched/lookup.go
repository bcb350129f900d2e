package sched

import (
	"fmt"
	"slices"

	"goipvs/packet"
)

const (
	tabBits = 8 // Kernel: IP_VS_SVC_TAB_BITS
	tabSize = 1 << tabBits

	portFTP     = 21
	portFTPData = 20
	// unprivileged is the first port that any process may bind to.
	// Kernel: inet_port_requires_bind_service with the default of
	// net.ipv4.ip_unprivileged_port_start.
	unprivileged = 1024
)

// addrKey and markKey are ServiceKeys as the maps of services have them: small
// and quick to hash.
type addrKey struct {
	addr     packet.Addr
	port     uint16
	protocol uint8
	family   packet.Family
}

type markKey struct {
	mark   uint32
	family packet.Family
}

// Lookup returns the service with exactly this key, nil if there is none.
func (t *Table) Lookup(k ServiceKey) *Service {
	if k.FWMark != 0 {
		return t.byMark[markKey{k.FWMark, k.Family}]
	}
	return t.byAddr[addrKey{k.Addr, k.Port, k.Protocol, k.Family}]
}

func (t *Table) lookup(k ServiceKey) (*Service, error) {
	if s := t.Lookup(k); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%v: %w", k, ErrNoService)
}

// Find returns the service that a packet belongs to: by its mark, its
// destination, FTP's data rule or the catch-all port; nil if none. FTP's rule:
// where there is an FTP service, TCP to its address belongs to it, too, from
// port 20 on the server's side or to any port that a server may have told the
// client.
//
// Kernel: ip_vs_ctl.c, ip_vs_service_find (6.1).
func (t *Table) Find(f packet.Family, mark uint32, proto uint8, addr packet.Addr, port uint16) *Service {
	if mark != 0 {
		if s := t.byMark[markKey{mark, f}]; s != nil {
			return s
		}
	}
	k := addrKey{addr, port, proto, f}
	if s := t.byAddr[k]; s != nil {
		return s
	}
	if proto == packet.ProtoTCP && t.ftp > 0 && (port == portFTPData || port >= unprivileged) {
		k.port = portFTP
		if s := t.byAddr[k]; s != nil {
			return s
		}
	}
	if t.catchAll > 0 {
		k.port = 0
		return t.byAddr[k]
	}
	return nil
}

// bucket returns the list of the kernel's tables that a service belongs to. The
// kernel mixes the address of its netns_ipvs into the hash; here that is 0.
//
// Kernel: ip_vs_ctl.c, ip_vs_svc_hashkey, ip_vs_svc_fwm_hashkey (6.1).
func (t *Table) bucket(k ServiceKey) *[]*Service {
	if k.FWMark != 0 {
		return &t.markTab[k.FWMark%tabSize]
	}
	port := uint32(k.Port)
	return &t.addrTab[(uint32(k.Protocol)^k.Addr.Fold()^port>>tabBits^port)%tabSize]
}

func (t *Table) hash(s *Service) {
	if s.FWMark != 0 {
		t.byMark[markKey{s.FWMark, s.Family}] = s
	} else {
		t.byAddr[addrKey{s.Addr, s.Port, s.Protocol, s.Family}] = s
	}
	b := t.bucket(s.ServiceKey)
	*b = append(*b, s)
}

func (t *Table) unhash(s *Service) {
	if s.FWMark != 0 {
		delete(t.byMark, markKey{s.FWMark, s.Family})
	} else {
		delete(t.byAddr, addrKey{s.Addr, s.Port, s.Protocol, s.Family})
	}
	b := t.bucket(s.ServiceKey)
	i := slices.Index(*b, s)
	*b = slices.Delete(*b, i, i+1)
}
