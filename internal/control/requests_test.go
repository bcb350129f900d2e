package control

import (
	"fmt"
	"math"
)

// kernelCase is a datagram for the kernel, and for the engine.
type kernelCase struct {
	name string
	req  []byte
}

// field writes an attribute.
type field func(*writer)

func u8(t uint16, v uint8) field       { return func(w *writer) { w.u8(t, v) } }
func u16(t, v uint16) field            { return func(w *writer) { w.u16(t, v) } }
func be16(t, v uint16) field           { return func(w *writer) { w.be16(t, v) } }
func u32(t uint16, v uint32) field     { return func(w *writer) { w.u32(t, v) } }
func be32(t uint16, v uint32) field    { return func(w *writer) { w.be32(t, v) } }
func str(t uint16, v string) field     { return func(w *writer) { w.str(t, v) } }
func raw(t uint16, v ...byte) field    { return func(w *writer) { w.bytes(t, v) } }
func nest(t uint16, fs ...field) field { return nestAs(t, fs...) }

func nestAs(t uint16, fs ...field) field {
	return func(w *writer) {
		at := w.nest(t)
		for _, f := range fs {
			f(w)
		}
		w.endNest(at)
	}
}

func svc(fs ...field) field  { return nest(CmdAttrService, fs...) }
func dest(fs ...field) field { return nest(CmdAttrDest, fs...) }

// join puts fields together; later ones may repeat earlier ones.
func join(parts ...any) (all []field) {
	for _, p := range parts {
		switch p := p.(type) {
		case field:
			all = append(all, p)
		case []field:
			all = append(all, p...)
		}
	}
	return all
}

// msg builds a message of the family, or of another type.
func msg(typ, flags uint16, cmd uint8, fs ...field) []byte {
	w := &writer{}
	w.startGen(header{typ: typ, flags: flags, seq: 7}, cmd, 1)
	for _, f := range fs {
		f(w)
	}
	w.end(0)
	return w.b
}

// do builds a request that wants an acknowledgement.
func do(cmd uint8, fs ...field) []byte { return msg(FamilyID, flagRequest|flagAck, cmd, fs...) }

func dumpOf(cmd uint8, fs ...field) []byte { return msg(FamilyID, flagRequest|flagDump, cmd, fs...) }

func ctrl(cmd uint8, fs ...field) []byte { return msg(ctrlID, flagRequest|flagAck, cmd, fs...) }

// with changes octets of a message.
func with(b []byte, at int, v ...byte) []byte {
	copy(b[at:], v)
	return b
}

func ipv4(last byte) []byte { return append([]byte{10, 0, 0, last}, make([]byte, 12)...) }

func ipv6(last byte) []byte {
	return append([]byte{0x20, 1, 0x0d, 0xb8}, append(make([]byte, 11), last)...)
}

// key4 and key6 identify TCP services, port 80; mark one by firewall mark.
func key4(last byte) []field {
	return []field{u16(SvcAttrAF, afINET), u16(SvcAttrProtocol, 6), raw(SvcAttrAddr, ipv4(last)...), be16(SvcAttrPort, 80)}
}

func key6(last byte) []field {
	return []field{u16(SvcAttrAF, afINET6), u16(SvcAttrProtocol, 6), raw(SvcAttrAddr, ipv6(last)...), be16(SvcAttrPort, 80)}
}

func mark(m uint32) []field { return []field{u16(SvcAttrAF, afINET), u32(SvcAttrFWMark, m)} }

func flags(f, mask uint32) field {
	return raw(SvcAttrFlags, ne.AppendUint32(ne.AppendUint32(nil, f), mask)...)
}

// rest4 and rest6 are what else a service needs.
var (
	rest4 = []field{str(SvcAttrSchedName, "rr"), flags(0, math.MaxUint32), u32(SvcAttrTimeout, 0), be32(SvcAttrNetmask, math.MaxUint32)}
	rest6 = []field{str(SvcAttrSchedName, "rr"), flags(0, math.MaxUint32), u32(SvcAttrTimeout, 0), u32(SvcAttrNetmask, 128)}
)

// server is a server's key, and how what else it needs.
func server(last byte) []field {
	return []field{raw(DestAttrAddr, ipv4(last)...), be16(DestAttrPort, 80)}
}

func server6(last byte) []field {
	return []field{u16(DestAttrAddrFamily, afINET6), raw(DestAttrAddr, ipv6(last)...), be16(DestAttrPort, 80)}
}

func how(fwd, weight, upper, lower uint32) []field {
	return []field{u32(DestAttrFwdMethod, fwd), u32(DestAttrWeight, weight), u32(DestAttrUThresh, upper), u32(DestAttrLThresh, lower)}
}

// kernelCases are the cases in their order: later ones find what earlier ones
// made.
func kernelCases() []kernelCase {
	var all []kernelCase
	for _, part := range [][]kernelCase{headCases(), serviceCases(), daemonCases(), destCases(), configCases(), tellingCases(), policyCases(), endCases()} {
		all = append(all, part...)
	}
	return all
}

func headCases() []kernelCase {
	get := func(fs ...field) []byte { return ctrl(ctrlGetFamily, fs...) }
	return []kernelCase{
		{"family by name", get(str(ctrlAttrName, "IPVS"))},
		{"family by id", get(u16(ctrlAttrID, FamilyID))},
		{"family without acknowledgement", msg(ctrlID, flagRequest, ctrlGetFamily, str(ctrlAttrName, "IPVS"))},
		{"family that isn't", get(str(ctrlAttrName, "IPVX"))},
		{"family id that isn't", get(u16(ctrlAttrID, 1022))},
		{"family without name", get()},
		{"family name unterminated", get(raw(ctrlAttrName, []byte("IPVS")...))},
		{"family name empty", get(raw(ctrlAttrName))},
		{"family name too long", get(str(ctrlAttrName, "IPVSIPVSIPVSIPVS"))},
		{"family id short", get(u8(ctrlAttrID, 1))},
		{"no request", msg(FamilyID, 0, CmdGetInfo)},
		{"no request acknowledged", msg(FamilyID, flagAck, CmdGetInfo)},
		{"control message", msg(1, flagRequest|flagAck, 0)},
		{"control message unacknowledged", msg(1, flagRequest, 0)},
		{"unknown family", msg(1001, flagRequest|flagAck, 1)},
		{"unknown family unacknowledged", msg(1001, flagRequest, 1)},
		{"too short for a command", with(do(CmdGetInfo)[:16], 0, 16)},
		{"cut in the command", with(do(CmdGetInfo)[:18], 0, 18)},
		{"longer than the datagram", with(do(CmdGetInfo), 0, 21)},
		{"shorter than a header", with(do(CmdGetInfo), 0, 15)},
		{"info", do(CmdGetInfo)},
		{"info without acknowledgement", msg(FamilyID, flagRequest, CmdGetInfo)},
		{"info with half a dump", msg(FamilyID, flagRequest|flagAck|0x100, CmdGetInfo)},
		{"info with reserved bits", with(do(CmdGetInfo), 18, 1)},
		{"info dumped", dumpOf(CmdGetInfo)},
		{"two messages", append(do(CmdGetInfo), do(CmdGetConfig)...)},
		{"three messages, one wrong", append(append(do(CmdGetInfo), do(CmdSetInfo)...), do(CmdGetConfig)...)},
		{"message and rubbish", append(do(CmdGetInfo), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)},
		{"command 0", do(0)},
		{"command without handler", do(CmdSetInfo)},
		{"command beyond", do(CmdFlush + 1)},
		{"command beyond, reserved bits", with(do(CmdFlush+1), 18, 1)},
		{"command beyond, odd flags", msg(FamilyID, flagRequest|flagAck|0x100, CmdFlush+1)},
		{"command beyond, dumped", dumpOf(CmdFlush + 1)},
		{"capped, command beyond", do(CmdFlush + 1)},
		{"capped, info", do(CmdGetInfo)},
		{"new service dumped", dumpOf(CmdNewService)},
		{"servers not dumped", do(CmdGetDest)},
		{"daemons not dumped", do(CmdGetDaemon)},
		{"services, none", dumpOf(CmdGetService)},
		{"services with acknowledgement, none", msg(FamilyID, flagRequest|flagAck|flagDump, CmdGetService)},
		{"servers of nothing", dumpOf(CmdGetDest)},
		{"servers of no service", dumpOf(CmdGetDest, svc(key4(1)...))},
		{"servers, attribute too short", dumpOf(CmdGetDest, raw(CmdAttrService, 1))},
		{"daemons, none", dumpOf(CmdGetDaemon)},
	}
}

func serviceCases() []kernelCase {
	add := func(fs ...any) []byte { return do(CmdNewService, svc(join(fs...)...)) }
	edit := func(fs ...any) []byte { return do(CmdSetService, svc(join(fs...)...)) }
	get := func(fs ...any) []byte { return do(CmdGetService, svc(join(fs...)...)) }
	k := key4(1)
	cases := []kernelCase{
		{"add nothing", do(CmdNewService)},
		{"add, attribute too short", do(CmdNewService, raw(CmdAttrService, 1))},
		{"add, timeout attribute too short", do(CmdNewService, svc(join(k, rest4)...), raw(CmdAttrTimeoutTCP, 1))},
		{"add, empty", add()},
		{"add, family alone", add(k[:1])},
		{"add, no family", add(k[1:], rest4)},
		{"add, no protocol", add(k[0], k[2:], rest4)},
		{"add, no address", add(k[:2], k[3], rest4)},
		{"add, no port", add(k[:3], rest4)},
		{"add, unknown family", add(u16(SvcAttrAF, 7), k[1:], rest4)},
		{"add, unknown family, no port", add(u16(SvcAttrAF, 7), k[1:3], rest4)},
		{"add, short family", add(u8(SvcAttrAF, 2), k[1:], rest4)},
		{"add, address too long", add(k[:2], raw(SvcAttrAddr, make([]byte, 17)...), k[3], rest4)},
		{"add, without rest", add(k)},
		{"add, no scheduler", add(k, rest4[1:])},
		{"add, no flags", add(k, rest4[0], rest4[2:])},
		{"add, no timeout", add(k, rest4[:2], rest4[3])},
		{"add, no netmask", add(k, rest4[:3])},
		{"add, scheduler unterminated", add(k, raw(SvcAttrSchedName, 'r', 'r'), rest4[1:])},
		{"add, scheduler empty", add(k, str(SvcAttrSchedName, ""), rest4[1:])},
		{"add, scheduler of 15", add(k, str(SvcAttrSchedName, "abcdefghijklmno"), rest4[1:])},
		{"add, scheduler of 16", add(k, str(SvcAttrSchedName, "abcdefghijklmnop"), rest4[1:])},
		{"add, engine of 16", add(k, rest4, str(SvcAttrPEName, "abcdefghijklmnop"))},
		{"add, engine of 17", add(k, rest4, str(SvcAttrPEName, "abcdefghijklmnopq"))},
		{"add, flags too long", add(k, rest4[0], raw(SvcAttrFlags, make([]byte, 9)...), rest4[2:])},
		{"add", add(k, rest4)},
		{"add again", add(k, rest4)},
		{"add again without rest", add(k)},
		{"add again, unknown scheduler", add(k, str(SvcAttrSchedName, "nosuch"), rest4[1:])},
		{"get", get(k)},
		{"get without acknowledgement", msg(FamilyID, flagRequest, CmdGetService, svc(k...))},
		{"get nothing", do(CmdGetService)},
		{"get, another", get(key4(2))},
		{"get, unknown family", get(u16(SvcAttrAF, 7), k[1:])},
		{"services, one", dumpOf(CmdGetService)},
		{"add, address of 4", add(k[:2], raw(SvcAttrAddr, 10, 0, 0, 3), k[3], rest4)},
		{"get, address of 4", get(key4(3))},
		{"add, address of 2", add(k[:2], raw(SvcAttrAddr, 10, 0), k[3], rest4)},
		{"add, address and more", add(k[:2], raw(SvcAttrAddr, 10, 0, 0, 3, 1, 2, 3, 4), k[3], rest4)},
		{"add, family twice", add(u16(SvcAttrAF, 7), key4(4), rest4)},
		{"get, family twice", get(key4(4))},
		{"add, unknown attribute", add(raw(40, 1, 2, 3), key4(5), rest4, raw(0, 1))},
		{"add, network order bit", add(func(w *writer) { w.u16(SvcAttrAF|0x4000, afINET) }, key4(6)[1:], rest4)},
		{"add, nested bit", do(CmdNewService, nestAs(CmdAttrService|0x8000, join(key4(7), rest4)...))},
		{"add, octets left over", do(CmdNewService, svc(join(key4(8), rest4, field(func(w *writer) { w.b = append(w.b, 3, 0, 1, 0) }))...))},
		{"add, protocol 47", add(k[0], u16(SvcAttrProtocol, 47), k[2:], rest4)},
		{"get, protocol 47", get(k[0], u16(SvcAttrProtocol, 47), k[2:])},
		{"add, scheduler none", add(key4(9), str(SvcAttrSchedName, "none"), rest4[1:])},
		{"get, scheduler none", get(key4(9))},
		{"add, unknown engine", add(key4(10), rest4, str(SvcAttrPEName, "nosuch"))},
		{"add, empty engine", add(key4(10), rest4, str(SvcAttrPEName, ""))},
		{"get, empty engine", get(key4(10))},
		{"add, sip", add(key4(11), rest4, str(SvcAttrPEName, "sip"))},
		{"get, sip", get(key4(11))},
		{"add by mark", add(mark(7), rest4)},
		{"get by mark", get(mark(7))},
		{"add by mark and address", add(mark(8), k[1:], rest4)},
		{"get by mark and address", get(mark(8))},
		{"add by mark 0", add(mark(0), rest4)},
		{"get by mark 0", get(mark(0))},
		{"add IPv6", add(key6(1), rest6)},
		{"get IPv6", get(key6(1))},
		{"add IPv6, prefix 0", add(key6(2), rest6[:3], u32(SvcAttrNetmask, 0))},
		{"add IPv6, prefix 129", add(key6(2), rest6[:3], u32(SvcAttrNetmask, 129))},
		{"add IPv6, prefix 129, unknown scheduler", add(key6(2), str(SvcAttrSchedName, "nosuch"), rest6[1:3], u32(SvcAttrNetmask, 129))},
		{"add, all flags", add(key4(12), rest4[0], flags(math.MaxUint32, math.MaxUint32), u32(SvcAttrTimeout, 300), be32(SvcAttrNetmask, 0xffffff00))},
		{"get, all flags", get(key4(12))},
		{"edit, part of the flags", edit(key4(12), rest4[0], flags(0, 0xc), u32(SvcAttrTimeout, 10), be32(SvcAttrNetmask, 0xff000000))},
		{"get, part of the flags", get(key4(12))},
		{"edit, short flags", edit(key4(12), rest4[0], raw(SvcAttrFlags, 1, 0, 0, 0), rest4[2:])},
		{"get, short flags", get(key4(12))},
		{"edit, no scheduler", edit(k, rest4[1:])},
		{"edit, another without rest", edit(key4(99))},
		{"edit, another", edit(key4(99), rest4)},
		{"edit, unknown scheduler", edit(k, str(SvcAttrSchedName, "nosuch"), rest4[1:])},
		{"edit, unknown engine", edit(k, rest4, str(SvcAttrPEName, "nosuch"))},
		{"edit", edit(k, str(SvcAttrSchedName, "wlc"), flags(1, 1), u32(SvcAttrTimeout, 5), be32(SvcAttrNetmask, 0xffff0000), str(SvcAttrPEName, "sip"))},
		{"get edited", get(k)},
		{"edit back", edit(k, rest4)},
		{"get edited back", get(k)},
		{"edit IPv6, prefix 0", edit(key6(1), rest6[:3], u32(SvcAttrNetmask, 0))},
		{"edit IPv6", edit(key6(1), rest6[:3], u32(SvcAttrNetmask, 64))},
		{"get edited IPv6", get(key6(1))},
		{"delete nothing", do(CmdDelService)},
		{"delete another", do(CmdDelService, svc(key4(99)...))},
		{"delete", do(CmdDelService, svc(key4(3)...))},
		{"delete again", do(CmdDelService, svc(key4(3)...))},
	}
	for _, timeout := range []uint32{1, 17179869, 17179870, 0x7fffffff, 0xffffffff} {
		c := []field{str(SvcAttrSchedName, "rr"), flags(1, 1), u32(SvcAttrTimeout, timeout), be32(SvcAttrNetmask, 0)}
		cases = append(cases,
			kernelCase{fmt.Sprintf("edit, timeout %d", timeout), edit(k, c)},
			kernelCase{fmt.Sprintf("get, timeout %d", timeout), get(k)})
	}
	return append(cases, kernelCase{"edit at last", edit(k, rest4)})
}

func destCases() []kernelCase {
	of := svc(key4(1)...)
	add := func(fs ...any) []byte { return do(CmdNewDest, of, dest(join(fs...)...)) }
	edit := func(fs ...any) []byte { return do(CmdSetDest, of, dest(join(fs...)...)) }
	del := func(fs ...any) []byte { return do(CmdDelDest, of, dest(join(fs...)...)) }
	list := dumpOf(CmdGetDest, of)
	masq := how(0, 1, 0, 0)
	s := server(11)
	cases := []kernelCase{
		{"add server to nothing", do(CmdNewDest, dest(join(s, masq)...))},
		{"add server to another", do(CmdNewDest, svc(key4(99)...))},
		{"add no server", do(CmdNewDest, of)},
		{"add server, attribute too short", do(CmdNewDest, of, raw(CmdAttrDest, 1))},
		{"add server, empty", add()},
		{"add server, no address", add(s[1], masq)},
		{"add server, no port", add(s[0], masq)},
		{"add server, no method", add(s, masq[1:])},
		{"add server, no weight", add(s, masq[0], masq[2:])},
		{"add server, no upper", add(s, masq[:2], masq[3])},
		{"add server, no lower", add(s, masq[:3])},
		{"add server, short port", add(s[0], u8(DestAttrPort, 1), masq)},
		{"add server, unknown family", add(u16(DestAttrAddrFamily, 7), s, masq)},
		{"add server, unknown family, no method", add(u16(DestAttrAddrFamily, 7), s)},
		{"add server, another family", add(server6(1), masq)},
		{"add server, another family, negative weight", add(server6(1), how(0, 1<<31, 0, 0))},
		{"add server, another family, routed", add(server6(1), how(3, 1, 0, 0))},
		{"add server, another family, tunnelled", add(server6(1), how(2, 1, 0, 0))},
		{"add server, negative weight", add(s, how(0, 1<<31, 0, 0))},
		{"add server, lower above upper", add(s, how(0, 1, 5, 6))},
		{"add server, upper negative", add(s, how(0, 1, 1<<31, 0))},
		{"add server, upper and weight negative", add(s, how(0, 1<<31, 1<<31, 0))},
		{"add server, both negative", add(s, how(0, 1, 1<<31, 1<<31+1))},
		{"add server, gue without port", add(s, how(2, 1, 0, 0), u8(DestAttrTunType, 1))},
		{"add server, gue without port, not tunnelled", add(s, how(0, 1, 0, 0), u8(DestAttrTunType, 1))},
		{"add server, multicast", add(raw(DestAttrAddr, 224, 0, 0, 1), s[1], masq)},
		{"add server, multicast, gue without port", add(raw(DestAttrAddr, 224, 0, 0, 1), s[1], masq, u8(DestAttrTunType, 1))},
		{"add server, unspecified", add(raw(DestAttrAddr, 0, 0, 0, 0), s[1], masq)},
		{"add server", add(s, masq)},
		{"add server again", add(s, masq)},
		{"add server again, negative weight", add(s, how(0, 1<<31, 0, 0))},
		{"servers, two", list},
		{"add server, family 0", add(u16(DestAttrAddrFamily, 0), server(12), how(0, 2, 0, 0))},
		{"add server, method 1", add(server(13), how(1, 3, 0, 0))},
		{"add server, method 4", add(server(14), how(4, 4, 0, 0))},
		{"add server, method 7 and more", add(server(15), how(0xffffffff, 5, 0, 0))},
		{"add server, tunnel", add(server(16), how(2, 6, 9, 4), u8(DestAttrTunType, 1), be16(DestAttrTunPort, 6080), u16(DestAttrTunFlags, 3))},
		{"add server, unknown tunnel", add(server(17), how(2, 7, 0, 0), u8(DestAttrTunType, 200), u16(DestAttrTunFlags, 0xffff))},
		{"add server, short address", add(raw(DestAttrAddr, 10), be16(DestAttrPort, 80), masq)},
		{"add server, largest figures", add(server(18), how(0, math.MaxInt32, math.MaxInt32, math.MaxInt32))},
		{"servers, many", list},
		{"edit server", edit(s, how(3, 0, 7, 3))},
		{"edit server, no weight", edit(s)},
		{"edit server, another", edit(server(99), masq)},
		{"edit server, another, negative weight", edit(server(99), how(0, 1<<31, 0, 0))},
		{"edit server, another, gue without port", edit(server(99), masq, u8(DestAttrTunType, 1))},
		{"edit server, another family", edit(server6(1), masq)},
		{"edit server, another family, tunnelled", edit(server6(1), how(2, 9, 0, 0))},
		{"delete no server", do(CmdDelDest, of)},
		{"delete server, no port", del(s[0])},
		{"delete server of another", do(CmdDelDest, svc(key4(99)...), dest(s...))},
		{"delete server, another", del(server(99))},
		{"delete server, unknown family", del(u16(DestAttrAddrFamily, 7), s)},
		{"delete server, another family", del(server6(99))},
		{"delete server", del(s)},
		{"delete server again", del(s)},
		{"servers, fewer", list},
		{"zero", do(CmdZero, of)},
		{"zero another", do(CmdZero, svc(key4(99)...))},
		{"zero, no key", do(CmdZero, svc())},
		{"zero, attribute too short", do(CmdZero, raw(CmdAttrService, 1))},
		{"zero all", do(CmdZero)},
		{"sync daemon beside another family", do(CmdNewDaemon, nest(CmdAttrDaemon,
			u32(DaemonAttrState, 1), str(DaemonAttrMcastIfn, "lo"), u32(DaemonAttrSyncID, 3)))},
		{"sync daemon beside another family, unknown interface", do(CmdNewDaemon, nest(CmdAttrDaemon,
			u32(DaemonAttrState, 1), str(DaemonAttrMcastIfn, "nosuch"), u32(DaemonAttrSyncID, 3)))},
	}
	for i := range byte(40) {
		cases = append(cases, kernelCase{fmt.Sprintf("add server %d", i), add(server(100+i), how(0, uint32(i), 0, 0))})
	}
	return append(cases, kernelCase{"servers, in several datagrams", list},
		kernelCase{"servers with acknowledgement", msg(FamilyID, flagRequest|flagAck|flagDump, CmdGetDest, of)},
		kernelCase{"wide, info", do(CmdGetInfo)},
		kernelCase{"wide, servers in fewer datagrams", list})
}

func configCases() []kernelCase {
	set := func(fs ...field) []byte { return do(CmdSetConfig, fs...) }
	tcp, fin, udp := uint16(CmdAttrTimeoutTCP), uint16(CmdAttrTimeoutTCPFin), uint16(CmdAttrTimeoutUDP)
	daemon := func(cmd uint8, fs ...field) []byte { return do(cmd, nest(CmdAttrDaemon, fs...)) }
	return []kernelCase{
		{"timeouts", do(CmdGetConfig)},
		{"set no timeouts", set()},
		{"set timeouts", set(u32(tcp, 100), u32(fin, 20), u32(udp, 30))},
		{"timeouts set", do(CmdGetConfig)},
		{"set timeout 0", set(u32(tcp, 0), u32(fin, 21), u32(udp, 0))},
		{"timeouts kept", do(CmdGetConfig)},
		{"set one timeout", set(u32(udp, 31))},
		{"set longest timeout", set(u32(tcp, 8589934))},
		{"timeouts, longest", do(CmdGetConfig)},
		{"set timeout too long", set(u32(tcp, 8589935))},
		{"set timeout negative", set(u32(tcp, 5), u32(udp, math.MaxUint32))},
		{"set timeout short", set(raw(tcp, 1, 2))},
		{"timeouts at last", do(CmdGetConfig)},
		{"stop no daemon", do(CmdDelDaemon)},
		{"stop daemon, empty", daemon(CmdDelDaemon)},
		{"stop daemon, master", daemon(CmdDelDaemon, u32(DaemonAttrState, 1))},
		{"stop daemon, backup", daemon(CmdDelDaemon, u32(DaemonAttrState, 2))},
		{"stop daemon, both", daemon(CmdDelDaemon, u32(DaemonAttrState, 3))},
		{"stop daemon, short state", daemon(CmdDelDaemon, u8(DaemonAttrState, 1))},
		{"stop daemon, long interface", daemon(CmdDelDaemon, u32(DaemonAttrState, 1), str(DaemonAttrMcastIfn, "abcdefghijklmnop"))},
		{"start no daemon", do(CmdNewDaemon)},
		{"start daemon, empty", daemon(CmdNewDaemon)},
	}
}

// daemonCases refuse to start a sync daemon, without servers of another family
// than their service's.
func daemonCases() []kernelCase {
	start := func(fs ...field) []byte { return do(CmdNewDaemon, nest(CmdAttrDaemon, fs...)) }
	master, backup, both := u32(DaemonAttrState, 1), u32(DaemonAttrState, 2), u32(DaemonAttrState, 3)
	id, nosuch := u32(DaemonAttrSyncID, 3), str(DaemonAttrMcastIfn, "nosuch")
	group, noGroup := raw(DaemonAttrMcastGroup, 224, 0, 0, 81), raw(DaemonAttrMcastGroup, 10, 0, 0, 1)
	group6 := raw(DaemonAttrMcastGroup6, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
	noGroup6 := raw(DaemonAttrMcastGroup6, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
	return []kernelCase{
		{"start daemon, no interface", start(master, id)},
		{"start daemon, no number", start(master, nosuch)},
		{"start daemon, unknown interface", start(master, id, nosuch)},
		{"start daemon, backup, unknown interface", start(backup, id, nosuch)},
		{"start daemon, interface of no name", start(master, id, str(DaemonAttrMcastIfn, ""))},
		{"start daemon, both, unknown interface", start(both, id, nosuch)},
		{"start daemon, both", start(both, id, str(DaemonAttrMcastIfn, "lo"))},
		{"start daemon, group, unknown interface", start(master, id, nosuch, group)},
		{"start daemon, no group, unknown interface", start(master, id, nosuch, noGroup)},
		{"start daemon, group of IPv6, unknown interface", start(master, id, nosuch, group6)},
		{"start daemon, no group of IPv6, unknown interface", start(master, id, nosuch, noGroup6)},
		{"start daemon, a group and none of IPv6, unknown interface", start(master, id, nosuch, group, noGroup6)},
	}
}

// tellingCases are of sockets with NETLINK_EXT_ACK.
func tellingCases() []kernelCase {
	rubbish := field(func(w *writer) { w.b = append(w.b, 3, 0, 1, 0) })
	odd := field(func(w *writer) { w.b = append(w.b, 1) })
	start := func(fs ...field) []byte { return do(CmdNewDaemon, nest(CmdAttrDaemon, fs...)) }
	tcp := uint16(CmdAttrTimeoutTCP)
	return []kernelCase{
		{"extended, info", do(CmdGetInfo)},
		{"extended, number short", do(CmdSetConfig, u32(tcp, 100), raw(tcp, 1, 2))},
		{"extended, capped, number short", do(CmdSetConfig, u32(tcp, 100), raw(tcp, 1, 2))},
		{"extended, nested short", do(CmdDelService, raw(CmdAttrService, 1))},
		{"extended, within service", do(CmdDelService, svc(raw(SvcAttrAF, 1)))},
		{"extended, left over", do(CmdGetInfo, rubbish)},
		{"extended, capped, left over", do(CmdGetInfo, rubbish)},
		{"extended, one octet left over", do(CmdGetInfo, odd)},
		{"extended, left over and refused", do(CmdSetConfig, u32(tcp, 1<<31), rubbish)},
		{"extended, left over and unacknowledged", msg(FamilyID, flagRequest, CmdGetInfo, rubbish)},
		{"extended, no such service", do(CmdDelService, svc(key4(99)...))},
		{"extended, left over, no such service", do(CmdDelService, svc(key4(99)...), rubbish)},
		{"extended, state short", do(CmdDelDaemon, nest(CmdAttrDaemon, u8(DaemonAttrState, 1)))},
		{"extended, behind another, state short", do(CmdDelDaemon, u32(tcp, 1), nest(CmdAttrDaemon, u8(DaemonAttrState, 1)), nest(CmdAttrDaemon, u8(DaemonAttrState, 1)))},
		{"extended, interface too long", start(u32(DaemonAttrState, 1), str(DaemonAttrMcastIfn, "abcdefghijklmnop"))},
		{"extended, group of IPv6 short", start(raw(DaemonAttrMcastGroup6, 1, 2, 3))},
		{"extended, hops short", start(raw(DaemonAttrMcastTTL))},
		{"extended, daemon left over", start(u32(DaemonAttrState, 1), rubbish)},
		{"extended, family name unterminated", ctrl(ctrlGetFamily, raw(ctrlAttrName, []byte("IPVS")...))},
		{"extended, family id short", ctrl(ctrlGetFamily, u8(ctrlAttrID, 1))},
		{"extended, command beyond", do(CmdFlush + 1)},
		{"extended, command beyond, reserved bits", with(do(CmdFlush+1), 18, 1)},
		{"extended, command beyond, odd flags", msg(FamilyID, flagRequest|flagAck|0x100, CmdFlush+1)},
		{"extended, servers, left over", dumpOf(CmdGetDest, svc(key4(1)...), rubbish)},
		{"extended, servers of no service, left over", dumpOf(CmdGetDest, svc(key4(99)...), rubbish)},
		{"extended, servers, attribute too short", dumpOf(CmdGetDest, raw(CmdAttrService, 1))},
		{"extended, daemons, left over", dumpOf(CmdGetDaemon, rubbish)},
	}
}

// policyCases ask what the family's commands take.
func policyCases() []kernelCase {
	ask := func(fs ...field) []byte { return msg(ctrlID, flagRequest|flagDump, ctrlGetPolicy, fs...) }
	name, id := str(ctrlAttrName, "IPVS"), u16(ctrlAttrID, FamilyID)
	return []kernelCase{
		{"policy", ask(name)},
		{"policy with acknowledgement", msg(ctrlID, flagRequest|flagDump|flagAck, ctrlGetPolicy, name)},
		{"policy by id", ask(id)},
		{"policy of a command", ask(id, u32(ctrlAttrOp, CmdSetConfig))},
		{"policy of a command that dumps", ask(id, u32(ctrlAttrOp, CmdGetDest))},
		{"extended, policy of no command", ask(id, u32(ctrlAttrOp, CmdSetInfo))},
		{"policy of no command", ask(id, u32(ctrlAttrOp, 1<<16+1))},
		{"policy not dumped", ctrl(ctrlGetPolicy, name)},
		{"policy of nothing", ask()},
		{"policy of another name", ask(str(ctrlAttrName, "IPVX"))},
		{"policy of another id", ask(u16(ctrlAttrID, 1001))},
		{"policy of another id, but the name", ask(u16(ctrlAttrID, 1001), name)},
		{"extended, policy, id short", ask(u8(ctrlAttrID, 1))},
		{"extended, policy, id long", ask(u32(ctrlAttrID, 1))},
		{"extended, policy, id nested", ask(u16(ctrlAttrID|attrNested, FamilyID))},
		{"extended, policy, name unterminated", ask(raw(ctrlAttrName, []byte("IPVS")...))},
		{"extended, policy, name nested", ask(str(ctrlAttrName|attrNested, "IPVS"))},
		{"extended, policy, attribute without a rule", ask(name, u32(ctrlAttrVersion, 1))},
		{"extended, policy, attribute beyond", ask(name, u32(11, 1))},
		{"extended, policy, attribute 0", ask(name, u32(0, 1))},
		{"extended, policy, left over", ask(name, field(func(w *writer) { w.b = append(w.b, 3, 0, 1, 0) }))},
		{"extended, policy, odd flags", with(ask(name), 7, 7)},
		{"extended, policy, reserved bits", with(ask(name), 18, 1)},
	}
}

func endCases() []kernelCase {
	return []kernelCase{
		{"flush", do(CmdFlush)},
		{"services, none again", dumpOf(CmdGetService)},
		{"flush nothing", do(CmdFlush)},
		{"extended, no services, left over", dumpOf(CmdGetService, field(func(w *writer) { w.b = append(w.b, 3, 0, 1, 0) }))},
	}
}
