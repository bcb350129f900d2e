package mmsg_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"goipvs/internal/live/mmsg"
)

// messages makes n messages of one buffer of size octets each.
func messages(n, size int) ([]mmsg.Message, [][]byte) {
	m, iov, bufs := make([]mmsg.Message, n), make([]unix.Iovec, n), make([][]byte, n)
	for i := range m {
		bufs[i] = make([]byte, size)
		iov[i].Base = &bufs[i][0]
		iov[i].SetLen(size)
		m[i].Header.Iov = &iov[i]
		m[i].Header.SetIovlen(1)
	}
	return m, bufs
}

func TestSendReceive(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	in, got := messages(8, 100)
	if _, err := mmsg.TryReceive(fds[1], in); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("nothing sent, and %v", err)
	}
	out, texts := messages(3, 10)
	for i, b := range texts {
		copy(b, fmt.Sprint("message ", i))
	}
	if n, err := mmsg.Send(fds[0], out); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if err := mmsg.SendOne(fds[0], &out[1].Header); err != nil {
		t.Fatal(err)
	}
	for _, receive := range []func(int, []mmsg.Message) (int, error){mmsg.Receive, mmsg.TryReceive} {
		n, err := receive(fds[1], in[:2])
		if n != 2 || err != nil {
			t.Fatal(n, err)
		}
		t.Logf("%q, %q", got[0][:in[0].Len], got[1][:in[1].Len])
	}
	if s := string(got[1][:9]); s != "message 1" || in[1].Len != 10 {
		t.Errorf("last message %q of %d octets", s, in[1].Len)
	}
}

// An error is about the first message that isn't sent; those before are.
func TestSendError(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	out, _ := messages(2, 1)
	unix.Close(fds[1])
	if n, err := mmsg.Send(fds[0], out); n != 0 || !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(n, err)
	}
}
