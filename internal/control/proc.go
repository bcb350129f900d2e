package control

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"syscall"
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

// The names that Client.Proc knows.
const (
	ProcServices    = "ip_vs"
	ProcConns       = "ip_vs_conn"
	ProcConnSync    = "ip_vs_conn_sync"
	ProcApps        = "ip_vs_app"
	ProcStats       = "ip_vs_stats"
	ProcStatsPerCPU = "ip_vs_stats_percpu"
)

// proc returns the text of a file of /proc/net, but for those of connections.
func (e *Engine) proc(name string) ([]byte, error) {
	switch name {
	case ProcServices:
		return e.procServices(), nil
	case ProcApps:
		return []byte(procApps), nil
	case ProcStats:
		return e.procStats(), nil
	case ProcStatsPerCPU:
		return e.procStatsPerCPU(), nil
	}
	return nil, fmt.Errorf("%s: %w", name, syscall.ENOENT)
}

// procServices lists services and servers in the kernel's order. Persistence
// times are jiffies.
//
// Kernel: ip_vs_ctl.c, ip_vs_info_seq_show (6.1).
func (e *Engine) procServices() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "IP Virtual Server version %d.%d.%d (size=%d)\n", Version>>16, Version>>8&0xff, Version&0xff, e.b.TableSize())
	b.WriteString("Prot LocalAddress:Port Scheduler Flags\n")
	b.WriteString("  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n")
	e.b.View(func(t *sched.Table) {
		for _, s := range t.Services() {
			procService(&b, s)
			for d := s.First(); d != nil; d = s.Next(d) {
				fmt.Fprintf(&b, "  -> %s      %-7s %-6d %-10d %-10d\n",
					hexAddrPort(d.Family, d.Addr, d.Port), forwardName(d.Forward), d.Weight, d.Active.Load(), d.InactiveConns())
			}
		}
	})
	return b.Bytes()
}

func procService(b *bytes.Buffer, s *sched.Service) {
	ops := ""
	if s.Flags&sched.OnePacket != 0 {
		ops = "ops "
	}
	switch {
	case s.FWMark != 0:
		fmt.Fprintf(b, "FWM  %08X %s %s", s.FWMark, s.Scheduler, ops)
	case s.Family == packet.IPv6: // which shows no "ops"
		fmt.Fprintf(b, "%s  %s %s ", packet.ProtoName(s.Protocol), hexAddrPort(s.Family, s.Addr, s.Port), s.Scheduler)
	default:
		fmt.Fprintf(b, "%s  %s %s %s ", packet.ProtoName(s.Protocol), hexAddrPort(s.Family, s.Addr, s.Port), s.Scheduler, ops)
	}
	if s.Flags&sched.Persistent == 0 {
		b.WriteByte('\n')
		return
	}
	mask := s.Netmask
	if s.Family == packet.IPv6 { // a number in host order, printed as one in network order
		mask = bits.ReverseBytes32(mask)
	}
	fmt.Fprintf(b, "persistent %d %08X\n", int32(s.Timeout*hz), mask)
}

// forwardName is what the kernel calls a method: all unknown ones Masq.
//
// Kernel: ip_vs_ctl.c, ip_vs_fwd_name (6.1).
func forwardName(f sched.Forward) string {
	if f > sched.DRoute {
		f = sched.Masq
	}
	return f.String()
}

func hexAddrPort(f packet.Family, a packet.Addr, port uint16) string {
	var b []byte
	if f == packet.IPv6 {
		b = append(hexAddr(append(b, '['), f, a), ']')
	} else {
		b = hexAddr(b, f, a)
	}
	return string(hexNumber(append(b, ':'), uint32(port), 4))
}

// procApps lists the helpers for protocols: that for FTP.
//
// Differs: usecnt isn't counted.
//
// Kernel: ip_vs_app.c, ip_vs_app_seq_show (6.1).
const procApps = "" +
	"prot port    usecnt name\n" +
	"TCP  21      0      ftp              \n"

const statsHead = "" +
	"   Total Incoming Outgoing         Incoming         Outgoing\n" +
	"   Conns  Packets  Packets            Bytes            Bytes\n"

// procStats prints the totals, in hexadecimal.
//
// Kernel: ip_vs_ctl.c, ip_vs_stats_show (6.1).
func (e *Engine) procStats() []byte {
	total, rate := e.b.Totals()
	b := []byte(statsHead)
	b = procCounters(b, &total)
	b = append(b, "\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"...)
	return procCounters(b, &rate)
}

func procCounters(b []byte, c *sched.Counters) []byte {
	return fmt.Appendf(b, "%8X %8X %8X %16X %16X\n", c.Conns, c.InPkts, c.OutPkts, c.InBytes, c.OutBytes)
}

// procStatsPerCPU prints the totals by processor.
//
// Differs: goipvs doesn't count by processor; all is shown for the first.
//
// Kernel: ip_vs_ctl.c, ip_vs_stats_percpu_show (6.1).
func (e *Engine) procStatsPerCPU() []byte {
	total, rate := e.b.Totals()
	b := []byte("       Total Incoming Outgoing         Incoming         Outgoing\n" +
		"CPU    Conns  Packets  Packets            Bytes            Bytes\n")
	b = procCounters(append(b, "  0 "...), &total)
	b = procCounters(append(b, "  ~ "...), &total)
	b = append(b, "\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"...)
	return procCounters(append(b, "    "...), &rate)
}

// maxRow is how long a connection's line may get, with IPv6 addresses and the
// longest data of a persistence engine.
const maxRow = 512

// connRow returns the function that appends a connection's line to a listing,
// and the listing's first line; nil for a name that is no listing of
// connections.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_seq_show, ip_vs_conn_sync_seq_show (6.1).
func connRow(name string) (func([]byte, *hooks.ConnInfo) []byte, string) {
	switch name {
	case ProcConns:
		return func(b []byte, c *hooks.ConnInfo) []byte {
			b = number(connStart(b, c), c)
			if c.PEName != "" {
				b = append(append(append(append(b, ' '), c.PEName...), ' '), c.PEData...)
			}
			return append(b, '\n')
		}, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
	case ProcConnSync:
		return func(b []byte, c *hooks.ConnInfo) []byte {
			return append(number(append(connStart(b, c), "LOCAL  "...), c), '\n')
		}, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n"
	}
	return nil, ""
}

// connStart appends protocol, addresses, ports and state.
func connStart(b []byte, c *hooks.ConnInfo) []byte {
	b = padded(b, packet.ProtoName(c.Protocol), 3)
	b = hexNumber(append(hexAddr(b, c.Family, c.Client), ' '), uint32(c.CPort), 4)
	b = hexAddr(append(b, ' '), c.Family, c.Virtual)
	b = hexNumber(append(b, ' '), uint32(c.VPort), 4)
	b = hexAddr(append(b, ' '), c.DestFamily, c.Dest)
	b = hexNumber(append(b, ' '), uint32(c.DPort), 4)
	return padded(append(b, ' '), c.State, 11)
}

// padded appends s, filled up with blanks to n characters, and a blank.
func padded(b []byte, s string, n int) []byte {
	b = append(b, s...)
	for i := len(s); i < n; i++ {
		b = append(b, ' ')
	}
	return append(b, ' ')
}

// number appends a connection's seconds to live in seven places.
func number(b []byte, c *hooks.ConnInfo) []byte {
	n := int64(max(c.Expires, 0) / time.Second)
	for limit := int64(1_000_000); limit > 1 && n < limit; limit /= 10 {
		b = append(b, ' ')
	}
	return strconv.AppendInt(b, n, 10)
}

// hexAddr appends an address as the kernel's listings have it.
func hexAddr(b []byte, f packet.Family, a packet.Addr) []byte {
	if f == packet.IPv4 {
		return hexNumber(b, a.V4(), 8)
	}
	for i := 0; i < len(a); i += 2 {
		if i > 0 {
			b = append(b, ':')
		}
		v := binary.BigEndian.Uint16(a[i:])
		for s := 12; s >= 0; s -= 4 {
			b = append(b, "0123456789abcdef"[v>>s&0xf])
		}
	}
	return b
}

// hexNumber appends v in so many capital digits.
func hexNumber(b []byte, v uint32, digits int) []byte {
	for s := 4 * (digits - 1); s >= 0; s -= 4 {
		b = append(b, "0123456789ABCDEF"[v>>s&0xf])
	}
	return b
}
