package control

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRelay: it makes no difference whether a request is handled or relayed.
func TestRelay(t *testing.T) {
	for _, from := range []Caller{{}, {PortID: 4711}, {CapAck: true}, {ExtAck: true}, {CapAck: true, ExtAck: true}, {Unprivileged: true}} {
		direct, far := newEngine(), newEngine().Conn()
		for _, c := range kernelCases() {
			var want, got []string
			if err := direct.Handle(c.req, from, func(b []byte) error { want = append(want, describe(b)); return nil }); err != nil {
				t.Fatal(err)
			}
			if err := Relay(far, c.req, from, func(b []byte) error { got = append(got, describe(b)); return nil }); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%+v, %s (-handled +relayed)\n%s", from, c.name, d)
			}
		}
	}
}

func TestRelayErrors(t *testing.T) {
	full := errors.New("full")
	for _, b := range [][]byte{do(CmdGetInfo), do(99), do(CmdSetInfo), dumpOf(CmdGetService)} {
		err := Relay(newEngine().Conn(), b, Caller{}, func([]byte) error { return full })
		if !errors.Is(err, full) {
			t.Errorf("%x: %v", b, err)
		}
	}
	for _, bad := range [][]byte{answer(nlmsgError, 1), {1, 2, 3}} {
		if err := Relay(canned{bad}, do(CmdGetInfo), Caller{}, nil); !errors.Is(err, ErrAnswer) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}
