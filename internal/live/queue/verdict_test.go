package queue

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// given reads verdicts as the kernel does and writes them in words.
func given(t *testing.T, b []byte) (all []string) {
	t.Helper()
	for len(b) > 0 {
		n := int(binary.NativeEndian.Uint32(b))
		if n < sizeHeader+12 || align(n) > len(b) {
			t.Fatalf("message of %d octets, there are %d", n, len(b))
		}
		m := b[:n]
		b = b[align(n):]
		kind := map[uint16]string{msgVerdict: "", msgVerdictBatch: "up to "}[binary.NativeEndian.Uint16(m[4:])]
		s := fmt.Sprintf("queue %d: %s", binary.BigEndian.Uint16(m[18:]), kind)
		for at := sizeHeader; at < n; {
			size := int(binary.NativeEndian.Uint16(m[at:]))
			v := m[at+sizeAttr : at+size]
			switch binary.NativeEndian.Uint16(m[at+2:]) {
			case attrVerdictHeader:
				s += fmt.Sprintf("%d %s", binary.BigEndian.Uint32(v[4:]), map[uint32]string{0: "drop", 1: "accept", 7<<16 | 3: "to queue 7"}[binary.BigEndian.Uint32(v)])
			case attrMark:
				s += fmt.Sprintf(" mark %d", binary.BigEndian.Uint32(v))
			case attrPayload:
				s += fmt.Sprintf(" %.9s", v)
			}
			at += align(size)
		}
		all = append(all, s)
	}
	return all
}

func TestVerdictRuns(t *testing.T) {
	accept, drop := Verdict{Action: Accept}, Verdict{}
	mark := func(m uint32) Verdict { return Verdict{Action: Accept, SetMark: true, Mark: m} }
	changed := Verdict{Action: Accept, Payload: []byte("changed")}
	long := Verdict{Action: Accept, Payload: []byte(strings.Repeat("long text", 7000))}
	type decision struct {
		queue uint16
		id    uint32
		v     Verdict
	}
	for _, c := range []struct {
		name  string
		given []decision
		want  []string // a message each, its verdicts in lines
	}{
		{"nothing", nil, nil},
		{"one", []decision{{7, 1, drop}}, []string{"queue 7: 1 drop"}},
		{"a run", []decision{{7, 1, accept}, {7, 2, accept}, {7, 3, accept}}, []string{"queue 7: up to 3 accept"}},
		{"two", []decision{{7, 1, accept}, {7, 2, drop}, {7, 3, drop}}, []string{"queue 7: 1 accept\nqueue 7: up to 3 drop"}},
		{"ended by a payload", []decision{{7, 1, accept}, {7, 2, accept}, {7, 3, changed}, {7, 4, accept}},
			[]string{"queue 7: up to 2 accept\nqueue 7: 3 accept changed\nqueue 7: 4 accept"}},
		{"to be cut", []decision{{8, 1, Verdict{Action: Cut}}, {8, 2, Verdict{Action: Cut}}}, []string{"queue 8: up to 2 to queue 7"}},
		{"marks", []decision{{7, 1, mark(1)}, {7, 2, mark(1)}, {7, 3, mark(2)}, {7, 4, accept}},
			[]string{"queue 7: up to 2 accept mark 1\nqueue 7: 3 accept mark 2\nqueue 7: 4 accept"}},
		{"a mark that isn't set", []decision{{7, 1, accept}, {7, 2, Verdict{Action: Accept, Mark: 5}}}, []string{"queue 7: up to 2 accept"}},
		{"two queues", []decision{{7, 1, accept}, {8, 1, drop}, {7, 2, accept}, {8, 2, changed}, {8, 3, drop}},
			[]string{"queue 8: 1 drop\nqueue 8: 2 accept changed\nqueue 7: up to 2 accept\nqueue 8: 3 drop"}},
		{"too much for one message", []decision{{7, 1, long}, {7, 2, drop}, {7, 3, long}, {7, 4, long}, {7, 5, long}, {7, 6, long}},
			[]string{
				"queue 7: 1 accept long text\nqueue 7: 2 drop\nqueue 7: 3 accept long text\nqueue 7: 4 accept long text\nqueue 7: 5 accept long text",
				"queue 7: 6 accept long text",
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fds[0])
			defer unix.Close(fds[1])
			for _, fd := range fds {
				if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 1<<20); err != nil {
					if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20); err != nil {
						t.Fatal(err)
					}
				}
			}
			v := newVerdicts(fds[0], 7, len(c.given))
			for i := range c.given {
				d := &c.given[i]
				if err := v.add(&Packet{ID: d.id, queue: d.queue}, &d.v); err != nil {
					t.Fatal(err)
				}
			}
			if err := v.flush(); err != nil {
				t.Fatal(err)
			}
			var got []string
			b := make([]byte, 1<<20)
			for range c.want {
				n, _, err := unix.Recvfrom(fds[1], b, unix.MSG_DONTWAIT)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.Join(given(t, b[:n]), "\n"))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if n, _, err := unix.Recvfrom(fds[1], b, unix.MSG_DONTWAIT); err == nil {
				t.Errorf("one more message: %v", given(t, b[:n]))
			}
		})
	}
}

// Gathering verdicts allocates nothing, whatever they are.
func TestVerdictsAllocateNothing(t *testing.T) {
	v := newVerdicts(-1, 7, batchSize)
	payload := []byte("octets")
	packets := make([]Packet, batchSize)
	n := testing.AllocsPerRun(10, func() {
		for i := range packets {
			packets[i] = Packet{ID: uint32(i), queue: 7 + uint16(i%2)}
			d := Verdict{Action: Accept, SetMark: i%3 == 0, Mark: uint32(i)}
			if i%4 == 0 {
				d.Payload = payload
			}
			if err := v.add(&packets[i], &d); err != nil {
				t.Fatal(err)
			}
		}
		_ = v.flush() // there is no socket
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	if cap(v.head) < sizeVerdict*batchSize || cap(v.iov) < 3*batchSize {
		t.Error("the room grew smaller")
	}
}
