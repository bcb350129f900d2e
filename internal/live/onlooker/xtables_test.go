package onlooker

import (
	"encoding/binary"
	"net"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func vnlNet(s string) (net.IP, *net.IPNet, error) { return net.ParseCIDR(s) }

// legacy makes the table filter of iptables or ip6tables and gives its OUTPUT a
// policy, as iptables-legacy -P does.
func legacy(t *testing.T, family int, policy int32) {
	x := &xtableOf[family]
	fd, err := unix.Socket(x.af, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	info := make([]byte, sizeInfo)
	copy(info, "filter")
	if err := getsockopt(fd, x.level, getInfo, info); err != nil { // which makes it
		t.Error(err)
		return
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(info[sizeName+4*i:]) }
	size, n := word(12), word(11)
	entries := make([]byte, sizeEntries+int(size))
	copy(entries, "filter")
	binary.NativeEndian.PutUint32(entries[sizeName:], size)
	if err := getsockopt(fd, x.level, getEntries, entries); err != nil {
		t.Error(err)
		return
	}
	blob := entries[sizeEntries:]
	end := word(1 + xtHooks + hookOutput) // the last rule of OUTPUT
	target := int(end) + int(binary.NativeEndian.Uint16(blob[int(end)+x.targetAt:]))
	binary.NativeEndian.PutUint32(blob[target+sizeTarget:], uint32(policy))

	// struct ipt_replace
	counters := make([]byte, 16*n)
	r := append(make([]byte, 0, 128+len(blob)), info[:sizeName]...)
	put := func(v uint32) { r = binary.NativeEndian.AppendUint32(r, v) }
	put(word(0))
	put(n)
	put(size)
	for i := range 2 * xtHooks {
		put(word(1 + i))
	}
	put(n)
	for len(r)%8 != 0 {
		put(0)
	}
	r = binary.NativeEndian.AppendUint64(r, uint64(uintptr(unsafe.Pointer(&counters[0]))))
	r = append(r, blob...)
	const replace = 64
	if _, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(x.level), replace, uintptr(unsafe.Pointer(&r[0])), uintptr(len(r)), 0); e != 0 {
		t.Errorf("replace: %v", e)
	}
	runtime.KeepAlive(counters)
}

// Whatever the kernel says, or seems to.
func FuzzBusy(f *testing.F) {
	f.Add(make([]byte, sizeInfo), make([]byte, 700), false)
	f.Add([]byte("filter"), []byte{}, true)
	f.Fuzz(func(t *testing.T, info, entries []byte, v6 bool) {
		x := &xtableOf[IPv4]
		if v6 {
			x = &xtableOf[IPv6]
		}
		info = append(info, make([]byte, sizeInfo)...)[:sizeInfo]
		for _, h := range x.busy(info, entries) {
			if h >= xtHooks {
				t.Errorf("hook %d", h)
			}
		}
	})
}

func FuzzParseChain(f *testing.F) {
	f.Add([]byte{unix.NFPROTO_IPV4, 0, 0, 0, 9, 0, 3, 0, 'c', 'h', 'a', 'i', 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, does, err := parseChain(b, "own"); err != nil && does {
			t.Error("an error, and a chain")
		}
	})
}
