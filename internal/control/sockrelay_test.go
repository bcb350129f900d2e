package control

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// By way of a connection the old interface says what it says directly, for more
// than fits into a message, too.
func TestSockoptRelay(t *testing.T) {
	e := newEngine()
	c := NewClient(e.Conn())
	for i := range 1000 {
		s := make([]byte, soServiceLen)
		ne.PutUint16(s, 6)
		copy(s[4:], []byte{10, 0, byte(i >> 8), byte(i)})
		s[9] = 80
		copy(s[16:], "rr")
		if err := c.SetSockopt(soSetAdd, s); err != nil {
			t.Fatal(err)
		}
	}
	arg := make([]byte, soServicesLen)
	ne.PutUint32(arg, 1000)
	length := soServicesLen + 1000*soServiceEntryLen
	want, wantTold, err := e.GetSockopt(soGetServices, length, arg, Caller{})
	if err != nil || len(want) != length {
		t.Fatalf("%d octets, %v", len(want), err)
	}
	got, told, err := c.GetSockopt(soGetServices, length, arg)
	if err != nil || told != wantTold || !bytes.Equal(got, want) {
		t.Errorf("%d octets, told %d of %d, %v", len(got), told, wantTold, err)
	}
	for name, err := range map[string]error{
		"set": c.SetSockopt(soSetDel, make([]byte, 3)),
		"get": func() error { _, _, err := c.GetSockopt(soGetService, 3, nil); return err }(),
	} {
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConcern(t *testing.T) {
	ctrl := func(flags uint16, attrs func(*writer)) []byte {
		w := &writer{}
		w.startGen(header{typ: ctrlID, flags: flags}, ctrlGetFamily, ctrlVersion)
		attrs(w)
		w.end(0)
		return w.b
	}
	other := &writer{}
	other.startGen(header{typ: 20, flags: flagRequest}, 1, 1)
	other.end(0)
	ipvs := &writer{}
	ipvs.startGen(header{typ: FamilyID, flags: flagRequest}, 1, 1)
	ipvs.end(0)
	for name, c := range map[string]struct {
		msg  []byte
		want Concerned
	}{
		"a request":           {ipvs.b, Requests},
		"another family":      {other.b, Nothing},
		"the family by name":  {ctrl(flagRequest, func(w *writer) { w.str(ctrlAttrName, FamilyName) }), Requests},
		"the family by id":    {ctrl(flagRequest, func(w *writer) { w.u16(ctrlAttrID, FamilyID) }), Requests},
		"another by name":     {ctrl(flagRequest, func(w *writer) { w.u16(ctrlAttrID, FamilyID); w.str(ctrlAttrName, "nlctrl") }), Nothing},
		"another by id":       {ctrl(flagRequest, func(w *writer) { w.u16(ctrlAttrID, 16) }), Nothing},
		"nothing asked for":   {ctrl(flagRequest, func(*writer) {}), Nothing},
		"all families":        {ctrl(flagRequest|flagDump, func(*writer) {}), Families},
		"no request":          {ctrl(0, func(w *writer) { w.str(ctrlAttrName, FamilyName) }), Nothing},
		"too short a command": {ctrl(flagRequest, func(*writer) {})[:nlHeader], Nothing},
	} {
		if got := Concern(c.msg); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Daemons find themselves by the network namespace.
func TestAnnounce(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.sock"), filepath.Join(dir, "b.sock")
	links := func() map[string]string {
		m := map[string]string{}
		all, err := filepath.Glob(filepath.Join(dir, netnsDir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range all {
			to, err := os.Readlink(l)
			if err != nil {
				t.Fatal(err)
			}
			m[filepath.Base(l)] = filepath.Base(to)
		}
		return m
	}
	announce := func(socket string, netns uint64) func() error {
		withdraw, err := Announce(socket, netns)
		if err != nil {
			t.Fatal(err)
		}
		return withdraw
	}
	check := func(want map[string]string) {
		t.Helper()
		if d := cmp.Diff(want, links()); d != "" {
			t.Error(d)
		}
	}
	wa, wb := announce(a, 1), announce(b, 2)
	check(map[string]string{"1": "a.sock", "2": "b.sock"})
	// One that was killed and is started anew in another namespace.
	wa3 := announce(a, 3)
	check(map[string]string{"2": "b.sock", "3": "a.sock"})
	// One that takes a namespace over is not withdrawn by the other's end.
	wb3 := announce(b, 3)
	for _, w := range []func() error{wa, wa3, wb} {
		if err := w(); err != nil {
			t.Error(err)
		}
	}
	check(map[string]string{"3": "b.sock"})
	if err := wb3(); err != nil {
		t.Error(err)
	}
	check(map[string]string{})
	if _, err := os.Lstat(filepath.Join(dir, netnsDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
