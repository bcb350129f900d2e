package control

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
	"goipvs/sched"
)

// sockCase is a call of setsockopt or getsockopt, or a message in between.
type sockCase struct {
	name   string
	kind   string // set, get, msg
	opt    int
	length int    // of the buffer of get
	data   []byte // what is set, the buffer's beginning, or the message
}

func (c *sockCase) String() string {
	switch c.kind {
	case "set":
		return strings.TrimSpace(fmt.Sprintf("set %d %x", c.opt-soBase, c.data))
	case "get":
		return strings.TrimSpace(fmt.Sprintf("get %d %d %x", c.opt-soBase, c.length, c.data))
	}
	return fmt.Sprintf("msg %x", c.data)
}

// do puts the case to an engine and prints what comes of it as the recording
// has it: error number, length told, and the buffer. What the kernel leaves of
// the buffer is ee.
func (c *sockCase) do(t *testing.T, e *Engine) string {
	var errno syscall.Errno
	switch c.kind {
	case "set":
		err := e.SetSockopt(c.opt, c.data, Caller{})
		if err != nil && !errors.As(err, &errno) {
			t.Fatal(err)
		}
		return strings.TrimSpace(fmt.Sprintf("%d", errno))
	case "msg":
		var last []byte
		if err := e.Handle(c.data, Caller{}, func(b []byte) error { last = bytes.Clone(b); return nil }); err != nil {
			t.Fatal(err)
		}
		errno, _ = result(last)
		return fmt.Sprintf("%d", errno)
	}
	buf := bytes.Repeat([]byte{0xee}, c.length)
	copy(buf, c.data)
	n, _ := SockoptGetLen(c.opt)
	value, told, err := e.GetSockopt(c.opt, c.length, buf[:min(n, len(buf))], Caller{})
	if err != nil {
		if !errors.As(err, &errno) {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d", errno)
	}
	copy(buf, value)
	return fmt.Sprintf("0 %d %x", told, buf)
}

const sockFile = "testdata/sockopt.txt"

// TestSockopt calls the engine as a real ip_vs was called, and compares what
// comes back octet for octet.
func TestSockopt(t *testing.T) {
	all := sockCases()
	if *update {
		var s strings.Builder
		for _, c := range all {
			fmt.Fprintf(&s, "# %s\n> %s\n", c.name, &c)
		}
		if err := os.WriteFile(sockFile, []byte(s.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(sockFile)
	if err != nil {
		t.Fatal(err)
	}
	recorded := strings.Split(string(b), "# ")[1:]
	if len(recorded) != len(all) {
		t.Fatalf("%d cases in %s, %d here: run with -update and record anew", len(recorded), sockFile, len(all))
	}
	e := newEngine()
	for i, c := range all {
		t.Run(c.name, func(t *testing.T) {
			name, lines, _ := strings.Cut(strings.TrimSpace(recorded[i]), "\n")
			req, want, _ := strings.Cut(lines, "\n< ")
			if d := cmp.Diff([]string{c.name, "> " + c.String()}, []string{name, strings.TrimSpace(req)}); d != "" {
				t.Fatalf("recorded for another call: %s", d)
			}
			if d := cmp.Diff(octets(want), octets(c.do(t, e))); d != "" {
				t.Errorf("(-kernel +goipvs)\n%s", d)
			}
		})
	}
}

// octets breaks what was recorded into lines of four octets.
func octets(s string) []string {
	lines := strings.Fields(s)
	if len(lines) < 3 {
		return lines
	}
	b, err := hex.DecodeString(lines[2])
	if err != nil {
		return lines
	}
	lines = lines[:2]
	for at := 0; at < len(b); at += 4 {
		lines = append(lines, fmt.Sprintf("%3d % x", at, b[at:min(at+4, len(b))]))
	}
	return lines
}

// userService makes a struct ip_vs_service_user.
func userService(proto uint16, last byte, port uint16, mark uint32, name string, flags, timeout uint32) []byte {
	b := append(ne.AppendUint16(nil, proto), 0, 0)
	b = append(b, ipv4(last)[:4]...)
	b = append(binary.BigEndian.AppendUint16(b, port), 0, 0)
	b = ne.AppendUint32(b, mark)
	b = append(b, append([]byte(name), make([]byte, 16)...)[:16]...)
	b = ne.AppendUint32(ne.AppendUint32(b, flags), timeout)
	return append(b, 255, 255, 255, 0)
}

// userMark makes one of a firewall mark's service.
func userMark(proto uint16, mark uint32, name string) []byte {
	b := userService(proto, 0, 0, mark, name, 0, 0)
	copy(b[4:8], make([]byte, 4))
	return b
}

// userDest makes a struct ip_vs_dest_user.
func userDest(last byte, port uint16, flags, weight, upper, lower uint32) []byte {
	b := binary.BigEndian.AppendUint16(bytes.Clone(ipv4(last)[:4]), port)
	b = append(b, 0, 0)
	for _, n := range []uint32{flags, weight, upper, lower} {
		b = ne.AppendUint32(b, n)
	}
	return b
}

// daemonUser makes a struct ip_vs_daemon_user.
func daemonUser(state uint32, name string) []byte {
	b := append(ne.AppendUint32(nil, state), append([]byte(name), make([]byte, 16)...)[:16]...)
	return ne.AppendUint32(b, 3)
}

// sockCases are the cases in their order.
func sockCases() (all []sockCase) {
	set := func(name string, opt int, parts ...[]byte) {
		all = append(all, sockCase{name: name, kind: "set", opt: opt, data: bytes.Join(parts, nil)})
	}
	get := func(name string, opt, length int, data ...byte) {
		all = append(all, sockCase{name: name, kind: "get", opt: opt, length: length, data: data})
	}
	say := func(name string, msg []byte) { all = append(all, sockCase{name: name, kind: "msg", data: msg}) }
	entry := func(name string, key []byte) { get(name, soGetService, soServiceEntryLen, key[:16]...) }
	services := func(name string, n uint32, extra int) {
		get(name, soGetServices, soServicesLen+int(n)*soServiceEntryLen+extra, ne.AppendUint32(nil, n)...)
	}
	dests := func(name string, key []byte, n uint32, extra int) {
		get(name, soGetDests, soDestsLen+int(n)*soDestEntryLen+extra, ne.AppendUint32(bytes.Clone(key[:16]), n)...)
	}
	web := userService(6, 1, 80, 0, "rr", 0, 0)
	dns := userService(17, 1, 53, 0, "wlc", 1, 300)
	mark := userMark(6, 7, "sh")

	get("version", soGetVersion, 64)
	get("version, short", soGetVersion, 63)
	get("version, long", soGetVersion, 100)
	get("info, nothing", soGetInfo, 12)
	get("info, short", soGetInfo, 11)
	get("info, long", soGetInfo, 20)
	get("no option 5", soBase+5, 100)
	get("timeouts", soGetTimeout, 12)
	get("daemons", soGetDaemon, 48)
	get("daemons, short", soGetDaemon, 47)
	services("services, none", 0, 0)
	services("services, none of two", 2, 0)
	services("services, length", 2, 1)
	entry("service that isn't", web)
	dests("servers of no service", web, 0, 0)
	dests("servers of no service, length", web, 0, 1)
	for i := range 16 {
		set(fmt.Sprintf("option %d empty", i), soBase+i)
		set(fmt.Sprintf("option %d of 43", i), soBase+i, make([]byte, 43))
		set(fmt.Sprintf("option %d of 68 zeros", i), soBase+i, make([]byte, 68))
		set(fmt.Sprintf("option %d of 44 zeros", i), soBase+i, make([]byte, 44))
	}
	set("add", soSetAdd, web)
	set("add again", soSetAdd, web)
	set("add again, unknown scheduler", soSetAdd, userService(6, 1, 80, 0, "nosuch", 0, 0))
	set("add, unknown scheduler", soSetAdd, userService(6, 2, 80, 0, "nosuch", 0, 0))
	set("add, scheduler unterminated", soSetAdd, userService(6, 2, 80, 0, "abcdefghijklmnop", 0, 0))
	set("add, scheduler unterminated, no protocol", soSetAdd, userService(1, 2, 80, 0, "abcdefghijklmnop", 0, 0))
	set("add, no protocol", soSetAdd, userService(1, 2, 80, 0, "rr", 0, 0))
	set("add, protocol 262", soSetAdd, userService(262, 2, 80, 0, "rr", 0, 0))
	set("add dns", soSetAdd, dns)
	set("add sctp, all flags", soSetAdd, userService(132, 1, 9, 0, "none", 0xffffffff, 17179870))
	set("add mark", soSetAdd, mark)
	set("add mark, no protocol", soSetAdd, userMark(0, 8, "rr"))
	get("info", soGetInfo, 12)
	services("services", 4, 0)
	services("services, two", 2, 0)
	services("services, six", 6, 0)
	entry("service", web)
	entry("service dns", dns)
	entry("service mark", mark)
	entry("service mark, no protocol", userMark(0, 7, ""))
	entry("service, protocol 262", userService(262, 1, 80, 0, "", 0, 0))
	set("edit", soSetEdit, userService(6, 1, 80, 0, "wrr", 1, 60))
	set("edit, unknown scheduler", soSetEdit, userService(6, 1, 80, 0, "nosuch", 1, 60))
	set("edit another", soSetEdit, userService(6, 2, 80, 0, "rr", 1, 60))
	entry("service edited", web)
	set("add server", soSetAddDest, web, userDest(11, 8080, 0, 1, 0, 0))
	set("add server again", soSetAddDest, web, userDest(11, 8080, 0, 1, 0, 0))
	set("add server, routed", soSetAddDest, web, userDest(12, 80, 3, 5, 10, 2))
	set("add server, tunnelled", soSetAddDest, web, userDest(13, 80, 2, 6, 10, 0))
	set("add server, method 1", soSetAddDest, web, userDest(14, 80, 1, 7, 0, 0))
	set("add server, weight negative", soSetAddDest, web, userDest(15, 80, 0, 1<<31, 0, 0))
	set("add server, thresholds", soSetAddDest, web, userDest(15, 80, 0, 1, 1, 2))
	set("add server, protocol", soSetAddDest, userService(7, 1, 80, 0, "", 0, 0), userDest(15, 80, 0, 1, 0, 0))
	set("add server to no service", soSetAddDest, userService(6, 9, 80, 0, "", 0, 0), userDest(15, 80, 0, 1, 0, 0))
	set("add server to mark", soSetAddDest, mark, userDest(15, 0, 0, 1, 0, 0))
	set("edit server", soSetEditDest, web, userDest(12, 80, 0, 9, 20, 10))
	set("edit server another", soSetEditDest, web, userDest(99, 80, 0, 9, 20, 10))
	set("delete server another", soSetDelDest, web, userDest(99, 80, 0, 0, 0, 0))
	dests("servers", web, 4, 0)
	dests("servers, two", web, 2, 0)
	dests("servers, five", web, 5, 0)
	dests("servers of mark", mark, 1, 0)
	dests("servers of mark, no protocol", userMark(0, 7, ""), 1, 0)
	say("add IPv6", do(CmdNewService, svc(join(key6(1), rest6)...)))
	say("add tunnelled IPv6 server", do(CmdNewDest, svc(key4(1)...), dest(join(server6(1), how(2, 1, 0, 0))...)))
	get("info with IPv6", soGetInfo, 12)
	services("services with IPv6", 5, 0)
	entry("service with IPv6 server", web)
	dests("servers with IPv6", web, 5, 0)
	set("delete server", soSetDelDest, web, userDest(12, 80, 0, 0, 0, 0))
	dests("servers, fewer", web, 3, 0)
	set("zero", soSetZero, web)
	set("zero another", soSetZero, userService(6, 9, 80, 0, "", 0, 0))
	set("zero all", soSetZero, userService(0, 0, 0, 0, "", 0, 0)[:4], make([]byte, 40))
	set("zero, port alone", soSetZero, userService(6, 0, 80, 0, "", 0, 0)[:4], make([]byte, 4), []byte{0, 80}, make([]byte, 34))
	set("timeouts", soSetTimeout, ne.AppendUint32(ne.AppendUint32(ne.AppendUint32(nil, 100), 0), 30))
	get("timeouts set", soGetTimeout, 12)
	set("timeouts negative", soSetTimeout, ne.AppendUint32(ne.AppendUint32(ne.AppendUint32(nil, 1<<31), 0), 30))
	set("start daemon, no interface", soSetStart, daemonUser(1, ""))
	set("start daemon, interface too long", soSetStart, daemonUser(1, "abcdefghijklmnop"))
	set("start daemon, unknown interface", soSetStart, daemonUser(1, "nosuch"))
	set("start daemon, both, unknown interface", soSetStart, daemonUser(3, "nosuch"))
	set("start daemon, both", soSetStart, daemonUser(3, "lo"))
	set("stop daemon, master", soSetStop, daemonUser(1, "lo"))
	set("stop daemon, backup", soSetStop, daemonUser(2, "lo"))
	set("stop daemon, both", soSetStop, daemonUser(3, "lo"))
	set("delete", soSetDel, dns)
	set("delete again", soSetDel, dns)
	set("delete mark", soSetDel, mark)
	services("services, fewer", 2, 0)
	set("flush", soSetFlush)
	get("info at last", soGetInfo, 12)
	return all
}

// TestSockoptCaller: what isn't as the kernel's callers are is refused.
func TestSockoptCaller(t *testing.T) {
	e := newEngine()
	if err := e.SetSockopt(soSetFlush, nil, Caller{Unprivileged: true}); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
	if _, _, err := e.GetSockopt(soGetInfo, 12, make([]byte, 12), Caller{Unprivileged: true}); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
	for _, opt := range []int{-1, 0, soBase - 1, soGetMax + 1, soSetMax + 1} {
		if _, _, err := e.GetSockopt(opt, 4096, make([]byte, 104), Caller{}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("get %d: %v", opt, err)
		}
	}
	if err := e.SetSockopt(soSetMax+1, nil, Caller{}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, _, err := e.GetSockopt(soGetInfo, 12, make([]byte, 3), Caller{}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}

// TestSockoptStats: counters of 32 bits wrap.
func TestSockoptStats(t *testing.T) {
	e := newEngine()
	if err := e.SetSockopt(soSetAdd, userService(6, 1, 80, 0, "rr", 0, 0), Caller{}); err != nil {
		t.Fatal(err)
	}
	e.b.View(func(tab *sched.Table) {
		s := tab.Services()[0]
		s.Stats.Add(&sched.Counters{Conns: 3, InPkts: 3, InBytes: 3 << 33})
		s.Stats.Estimate()
	})
	key := userService(packet.ProtoTCP, 1, 80, 0, "", 0, 0)
	arg := make([]byte, soServiceEntryLen)
	copy(arg, key[:16])
	b, _, err := e.GetSockopt(soGetService, len(arg), arg, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	if conns, in := ne.Uint32(b[48:]), ne.Uint64(b[64:]); conns != 3 || in != 3<<33 {
		t.Errorf("%d connections, %d octets", conns, in)
	}
	// 3·2^33 octets in 2 s, of which a first estimate takes a quarter.
	if inbps := ne.Uint32(b[48+44:]); inbps != uint32(3<<33/8&(1<<32-1)) {
		t.Errorf("%d octets a second", inbps)
	}
}
