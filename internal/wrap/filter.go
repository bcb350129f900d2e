package wrap

import (
	"maps"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"goipvs/internal/control"
)

// Window is a range of descriptor numbers: First up to, without, End.
type Window struct{ First, End int }

// windowSize is how many netlink sockets a program may have at a time.
const windowSize = 64

// allDescriptors watches every descriptor; see Options.AllFDs.
var allDescriptors = Window{0, 1 << 20}

// windowBelow returns the window for a program that may have descriptors below
// limit. It stays below FD_SETSIZE, so that select(2) works on them.
func windowBelow(limit uint64) Window {
	end := int(min(limit, unix.FD_SETSIZE))
	return Window{max(end-windowSize, 3), end}
}

// rule says which calls the supervisor is asked about: those whose arguments
// pass all tests.
type rule struct {
	calls []uint32
	tests []test
}

// test is passed by an argument whose lower 32 bits lie in one of spans. All
// arguments that are looked at are ints.
type test struct {
	arg   int
	spans []span
}

// span is a range of numbers, with both its ends.
type span struct{ first, last uint32 }

func among(arg int, values ...uint32) test {
	t := test{arg: arg}
	for _, v := range values {
		t.spans = append(t.spans, span{v, v})
	}
	return t
}

// rules are what is watched. Netlink sockets are told from other descriptors by
// their numbers, which costs the program's other traffic next to nothing.
func rules(w Window, files bool) []rule {
	fd := test{0, []span{{uint32(w.First), uint32(w.End - 1)}}}
	r := []rule{
		{[]uint32{unix.SYS_SOCKET}, []test{among(0, unix.AF_NETLINK), among(2, unix.NETLINK_GENERIC)}},
		{[]uint32{
			unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_WRITE, unix.SYS_WRITEV,
			unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG, unix.SYS_READ, unix.SYS_READV,
			unix.SYS_CONNECT, unix.SYS_DUP,
		}, []test{fd}},
		{[]uint32{unix.SYS_FCNTL}, []test{fd, among(1, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC)}},
		{[]uint32{unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT}, []test{
			among(1, unix.SOL_IP), {2, []span{{control.SockoptFirst, control.SockoptLast}}},
		}},
	}
	if files {
		r = append(r, rule{calls: slices.Sorted(maps.Keys(pathCalls))})
	}
	return r
}

// The layout of struct seccomp_data, of whose arguments the lower halves come
// first on all machines that there are.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

var (
	allow  = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	notify = bpf.RetConstant{Val: unix.SECCOMP_RET_USER_NOTIF}
)

// program is the filter. What a call without a rule runs through depends on its
// number alone, so the kernel (5.11) remembers that it is allowed and doesn't
// run the program for it at all.
func program(rules []rule) []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		allow,
		bpf.LoadAbsolute{Off: offNr, Size: 4},
	}
	for _, r := range rules {
		p = append(p, r.compile()...)
	}
	return append(p, allow)
}

// compile makes the part for one rule, which begins with the call's number
// loaded and goes on behind its end if it is none of the rule's.
func (r rule) compile() []bpf.Instruction {
	var body []bpf.Instruction
	for _, t := range r.tests {
		body = append(body, bpf.LoadAbsolute{Off: offArgs + 8*uint32(t.arg), Size: 4})
		for i, s := range t.spans {
			passed := uint8(2*(len(t.spans)-i-1) + 1)
			body = append(body,
				bpf.JumpIf{Cond: bpf.JumpLessThan, Val: s.first, SkipTrue: 1},
				bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: s.last, SkipTrue: passed})
		}
		body = append(body, allow)
	}
	body = append(body, notify)
	var p []bpf.Instruction
	for i, nr := range r.calls {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: nr, SkipTrue: uint8(len(r.calls) - i)})
	}
	p = append(p, bpf.Jump{Skip: uint32(len(body))})
	return append(p, body...)
}
