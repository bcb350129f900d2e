// Command probe uses generic-netlink sockets in every way that comes to mind and
// prints what it sees, which must be the same under the kernel's IPVS and under
// goipvs wrap.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	ne     = binary.NativeEndian
	kernel = &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	family uint16
)

const (
	getFamily = 3
	getInfo   = 15
)

// msg is a generic-netlink request.
func msg(typ uint16, cmd uint8, flags uint16, seq uint32, attrs []byte) []byte {
	b := ne.AppendUint32(nil, uint32(20+len(attrs)))
	b = ne.AppendUint16(b, typ)
	b = ne.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = ne.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, cmd, 1, 0, 0)
	return append(b, attrs...)
}

func name(s string) []byte {
	b := ne.AppendUint16(nil, uint16(5+len(s)))
	b = append(ne.AppendUint16(b, 2), s...)
	for b = append(b, 0); len(b)%4 != 0; {
		b = append(b, 0)
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
	return v
}

func socket(typ int) int {
	return must(unix.Socket(unix.AF_NETLINK, typ, unix.NETLINK_GENERIC))
}

// kind says what a message is.
func kind(b []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	if len(b) < 16 {
		return fmt.Sprint(len(b), " octets")
	}
	switch t := ne.Uint16(b[4:]); {
	case t == family:
		return "IPVS"
	case t == unix.NLMSG_ERROR && len(b) >= 20:
		return fmt.Sprint("error ", int32(ne.Uint32(b[16:])))
	case t == unix.NLMSG_DONE:
		return "done"
	}
	return "other"
}

func recv(fd int) ([]byte, uint32, error) {
	b := make([]byte, 8192)
	n, from, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return nil, 0, err
	}
	return b[:n], from.(*unix.SockaddrNetlink).Pid, nil
}

// info asks for the version by a descriptor.
func info(fd int, what string) {
	if err := unix.Sendto(fd, msg(family, getInfo, 0, 7, nil), 0, kernel); err != nil {
		fmt.Println(what, "send", err)
		return
	}
	b, from, err := recv(fd)
	fmt.Println(what, len(b), kind(b, err), "from", from)
}

func ask(fd int) {
	if err := unix.Sendto(fd, msg(family, getInfo, 0, 30, nil), 0, kernel); err != nil {
		fmt.Println("send", err)
	}
}

func findFamily(fd int) {
	must(0, unix.Sendto(fd, msg(unix.GENL_ID_CTRL, getFamily, 0, 1, name("IPVS")), 0, kernel))
	b, _, err := recv(fd)
	if err != nil || ne.Uint16(b[4:]) != unix.GENL_ID_CTRL {
		fmt.Println("no family:", kind(b, err))
		return
	}
	for a := b[20:]; len(a) >= 8; a = a[min((int(ne.Uint16(a))+3)&^3, len(a)):] {
		if ne.Uint16(a[2:]) == 1 {
			family = ne.Uint16(a[4:])
		}
	}
	fmt.Println("family found", family > 0)
}

func main() {
	runtime.LockOSThread()
	fd := socket(unix.SOCK_RAW)
	findFamily(fd)
	fmt.Println("protocol", must(unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)))
	info(fd, "plain")
	batches(fd)
	reads(fd)
	vectors(fd)
	connected()
	events(fd)
	copies(fd)
	options()
	waits(fd)
	badMemory(fd)
	list()
	unprivileged()
}

func batches(fd int) {
	two := append(msg(unix.GENL_ID_CTRL, getFamily, 0, 21, name("nlctrl")), msg(family, getInfo, unix.NLM_F_ACK, 22, nil)...)
	fmt.Println("batch", unix.Sendto(fd, two, 0, kernel))
	for range 3 {
		b, _, err := recv(fd)
		fmt.Println("batch answer", ne.Uint32(b[8:]), kind(b, err))
	}
}

func reads(fd int) {
	ask(fd)
	b := make([]byte, 8)
	n, _, flags, from, err := unix.Recvmsg(fd, b, nil, unix.MSG_PEEK|unix.MSG_TRUNC)
	fmt.Println("peek", n, flags, from.(*unix.SockaddrNetlink).Pid, err)
	n, _, flags, _, err = unix.Recvmsg(fd, b, nil, 0)
	fmt.Println("short", n, flags, err)
	_, _, _, _, err = unix.Recvmsg(fd, b, nil, unix.MSG_DONTWAIT)
	fmt.Println("empty", err)
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   uint32
}

func vectors(fd int) {
	c := socket(unix.SOCK_RAW)
	must(0, unix.Connect(c, kernel))
	m := msg(family, getInfo, unix.NLM_F_ACK, 33, nil)
	n, err := unix.Writev(c, [][]byte{m[:5], m[5:]})
	fmt.Println("writev", n, err)
	a, b := make([]byte, 10), make([]byte, 100)
	n, err = unix.Readv(c, [][]byte{a, b})
	fmt.Println("readv", n, kind(append(a, b...), err))
	n, err = unix.Read(c, b)
	fmt.Println("read", n, kind(b[:n], err))
	unix.Close(c)

	iov := unix.Iovec{Base: &m[0], Len: uint64(len(m))}
	v := mmsghdr{hdr: unix.Msghdr{Iov: &iov, Iovlen: 1}}
	r, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&v)), 1, 0, 0, 0)
	fmt.Println("sendmmsg", int(r), e, v.len)
	for range 2 {
		riov := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
		v := mmsghdr{hdr: unix.Msghdr{Iov: &riov, Iovlen: 1}}
		r, _, e = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&v)), 1, 0, 0, 0)
		fmt.Println("recvmmsg", int(r), e, v.len, kind(b[:v.len], nil))
	}
}

func connected() {
	c := socket(unix.SOCK_RAW | unix.SOCK_CLOEXEC)
	fmt.Println("connect", unix.Connect(c, kernel))
	n, err := unix.Write(c, msg(family, 99, 0, 31, nil))
	fmt.Println("write", n, err)
	b := make([]byte, 4096)
	n, err = unix.Read(c, b)
	fmt.Println("read", n, kind(b[:max(n, 0)], err))
	fmt.Println("cloexec", must(unix.FcntlInt(uintptr(c), unix.F_GETFD, 0)))
	unix.Close(c)
}

func events(fd int) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	fmt.Println("poll, idle", must(unix.Poll(p, 0)))
	ask(fd)
	ep := must(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	must(0, unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}))
	fmt.Println("poll", must(unix.Poll(p, 1000)), "epoll", must(unix.EpollWait(ep, make([]unix.EpollEvent, 1), 1000)))
	_, _, _ = recv(fd)
	fmt.Println("poll, afterwards", must(unix.Poll(p, 0)))
	unix.Close(ep)
}

func copies(fd int) {
	d := must(unix.Dup(fd))
	info(d, "dup")
	unix.Close(d)
	d = must(unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0))
	info(d, "F_DUPFD_CLOEXEC")
	unix.Close(d)
	if len(os.Args) > 1 { // not where it is known to differ
		must(0, unix.Dup3(fd, 200, 0))
		info(200, "dup3")
		unix.Close(200)
	}
}

func options() {
	fd := socket(unix.SOCK_RAW)
	must(0, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	must(0, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_PKTINFO, 1))
	ask(fd)
	b, oob := make([]byte, 4096), make([]byte, 256)
	_, n, flags, _, err := unix.Recvmsg(fd, b, oob, 0)
	fmt.Println("with credentials", n, flags, err)
	cs := must(unix.ParseSocketControlMessage(oob[:n]))
	for _, c := range cs {
		fmt.Println("control", c.Header.Level, c.Header.Type, c.Data)
	}
	must(0, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1))
	must(0, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1))
	must(0, unix.Sendto(fd, msg(family, 1, unix.NLM_F_ACK, 50, []byte{5, 0, 1, 0, 1, 0, 0, 0}), 0, kernel))
	r, _, err := recv(fd)
	fmt.Println("capped", len(r), kind(r, err))
	unix.Close(fd)
}

// receiving waits until a thread of this process waits in recvfrom.
func receiving(tid int) {
	in := fmt.Sprintf("%d ", unix.SYS_RECVFROM)
	for !strings.HasPrefix(string(must(os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid)))), in) {
		time.Sleep(time.Millisecond)
	}
}

// reader receives on a thread of its own.
func reader(fd int) (tid int, done chan string) {
	ids, done := make(chan int), make(chan string)
	go func() {
		runtime.LockOSThread()
		ids <- unix.Gettid()
		b := make([]byte, 4096)
		var n int
		var from unix.Sockaddr
		n, from, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			done <- err.Error()
			return
		}
		done <- fmt.Sprint(kind(b[:n], err), " from ", from.(*unix.SockaddrNetlink).Pid)
	}()
	tid = <-ids
	return tid, done
}

func waits(fd int) {
	tid, done := reader(fd)
	receiving(tid)
	ask(fd)
	fmt.Println("a reader that waits", <-done)

	sig := make(chan os.Signal, 1)
	signal.Notify(sig, unix.SIGUSR1) // with SA_RESTART
	tid, done = reader(fd)
	receiving(tid)
	must(0, unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1))
	<-sig
	receiving(tid)
	ask(fd)
	fmt.Println("one that a signal comes to", <-done)

	must(0, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}))
	tid, done = reader(fd)
	receiving(tid)
	for got := ""; got == ""; { // the first may come before the call does
		must(0, unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1))
		<-sig
		select {
		case got = <-done:
			fmt.Println("one with a timeout that a signal comes to", got)
		case <-time.After(50 * time.Millisecond):
		}
	}

	must(0, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300000}))
	_, _, err := recv(fd)
	fmt.Println("timeout", err)
	must(0, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{}))
}

func badMemory(fd int) {
	ask(fd)
	_, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), 8, 4096, 0, 0, 0)
	fmt.Println("bad buffer", e)
	_, _, e = unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), 8, 20, 0, 0, 0)
	fmt.Println("bad message", e)
	_, _, e = unix.Syscall6(unix.SYS_RECVMSG, uintptr(fd), 8, 0, 0, 0, 0)
	fmt.Println("bad header", e)
	m := msg(family, getInfo, 0, 1, nil)
	fmt.Println("to nobody", unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: 0x7ffffff1}))
}

// list looks for the family in the list of all.
func list() {
	fd := socket(unix.SOCK_RAW)
	must(0, unix.Sendto(fd, msg(unix.GENL_ID_CTRL, getFamily, unix.NLM_F_DUMP, 60, nil), 0, kernel))
	found := 0
	for {
		b, from, err := recv(fd)
		if err != nil || from != 0 {
			fmt.Println("list", err, from)
			return
		}
		done := false
		for ; len(b) >= 16; b = b[min((int(ne.Uint32(b))+3)&^3, len(b)):] {
			if done = kind(b, nil) == "done"; !done && len(b) >= 28 && string(b[24:28]) == "IPVS" {
				found++
			}
		}
		if done {
			break
		}
	}
	fmt.Println("in the list", found)
	unix.Close(fd)
}

func unprivileged() {
	fd := socket(unix.SOCK_RAW)
	const keep = ^uintptr(0)
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, keep, 65534, keep); e != 0 {
		if errors.Is(e, unix.EINVAL) { // nobody else is in this user namespace
			_, _, e = unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3})), uintptr(unsafe.Pointer(&[2]unix.CapUserData{})), 0)
		}
		if e != 0 {
			fmt.Println("setresuid", e)
			return
		}
	}
	info(fd, "unprivileged")
	findFamily(fd)
}
