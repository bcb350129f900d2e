package onlooker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

var bigEndian = binary.BigEndian

// xtable is how a family's xtables are asked, and what their entries are like.
//
// Kernel: include/uapi/linux/netfilter_ipv4/ip_tables.h,
// netfilter_ipv6/ip6_tables.h.
type xtable struct {
	names      string // file of the tables' names
	af, level  int
	targetAt   int // in an entry: where the offset of its target is
	entryTitle string
}

var xtableOf = [families]xtable{
	IPv4: {"ip_tables_names", unix.AF_INET, unix.IPPROTO_IP, 88, "iptables"},
	IPv6: {"ip6_tables_names", unix.AF_INET6, unix.IPPROTO_IPV6, 140, "ip6tables"},
}

// The socket options, and the sizes of what they give before the entries.
const (
	getInfo    = 64
	getEntries = 65

	sizeName    = 32
	sizeInfo    = sizeName + 13*4
	sizeEntries = sizeName + 8
	sizeTarget  = 32 // struct xt_entry_target
	xtHooks     = 5
)

// xtables lists the places where tables of a family, of iptables-legacy, do
// anything.
func xtables(family int) (all []sight, err error) {
	x := &xtableOf[family]
	names, err := os.ReadFile("/proc/thread-self/net/" + x.names)
	if errors.Is(err, fs.ErrNotExist) || len(names) == 0 && err == nil {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(x.af, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.entryTitle, err)
	}
	defer unix.Close(fd)
	for name := range strings.FieldsSeq(string(names)) {
		s, err := x.table(fd, name)
		if err != nil {
			return nil, fmt.Errorf("%s -t %s: %w", x.entryTitle, name, err)
		}
		all = append(all, s...)
	}
	return all, nil
}

// table looks at one table.
func (x *xtable) table(fd int, name string) ([]sight, error) {
	info := make([]byte, sizeInfo)
	copy(info, name)
	if err := getsockopt(fd, x.level, getInfo, info); err != nil {
		return nil, err
	}
	size := binary.NativeEndian.Uint32(info[sizeInfo-4:])
	if size > 1<<28 {
		return nil, unix.EMSGSIZE
	}
	entries := make([]byte, sizeEntries+int(size))
	copy(entries, name)
	binary.NativeEndian.PutUint32(entries[sizeName:], size)
	if err := getsockopt(fd, x.level, getEntries, entries); err != nil {
		return nil, err
	}
	var all []sight
	for _, h := range x.busy(info, entries[sizeEntries:]) {
		all = append(all, sight{hook: uint32(h), priority: -1, name: fmt.Sprintf("%s' table %s", x.entryTitle, name)})
	}
	return all, nil
}

// busy returns the hooks at which a table has rules, or does not accept what
// comes to their end.
func (x *xtable) busy(info, entries []byte) (hooks []int) {
	const accept = -2
	word := func(i int) int { return int(binary.NativeEndian.Uint32(info[sizeName+4*i:])) }
	valid := word(0)
	for h := range xtHooks {
		if valid&(1<<h) == 0 {
			continue
		}
		first, last := word(1+h), word(1+xtHooks+h)
		if first != last || x.verdict(entries, last) != accept {
			hooks = append(hooks, h)
		}
	}
	return hooks
}

// verdict returns the verdict of the entry at an offset, 0 where there is none.
func (x *xtable) verdict(entries []byte, at int) int32 {
	if at < 0 || at > len(entries) || len(entries)-at < x.targetAt+2 {
		return 0
	}
	e := entries[at:]
	target := int(binary.NativeEndian.Uint16(e[x.targetAt:]))
	if len(e) < target+sizeTarget+4 {
		return 0
	}
	return int32(binary.NativeEndian.Uint32(e[target+sizeTarget:]))
}

// getsockopt fills b.
func getsockopt(fd, level, opt int, b []byte) error {
	n := uint32(len(b))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return e
	}
	return nil
}
