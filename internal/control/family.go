package control

import (
	"math/bits"
	"slices"
	"syscall"
)

// control answers the family of the families, as far as it is asked for IPVS.
// The one dump there is lists IPVS alone.
//
// Kernel: genetlink.c, ctrl_getfamily, ctrl_dumpfamily (6.1).
func control(r *request) (dumped bool, err error) {
	if r.cmd == ctrlGetPolicy {
		err := dumpPolicy(r)
		return err == nil, err
	}
	if r.dump() {
		r.put(family(r, flagMulti))
		r.done()
		return true, nil
	}
	a, err := r.attrs(ctrlPolicy, false)
	if err != nil {
		return false, err
	}
	var found bool
	switch {
	case a.has(ctrlAttrName):
		found = a.str(ctrlAttrName) == FamilyName
	case a.has(ctrlAttrID):
		found = a.u16(ctrlAttrID) == FamilyID
	default:
		return false, syscall.EINVAL
	}
	if !found {
		return false, syscall.ENOENT
	}
	r.put(family(r, 0))
	return false, nil
}

// family describes the family.
//
// Kernel: genetlink.c, ctrl_fill_info (6.1).
func family(r *request, flags uint16) []byte {
	w := &writer{}
	at := w.startGen(header{typ: ctrlID, flags: flags, seq: r.seq, portID: r.portID}, ctrlNewFamily, ctrlVersion)
	w.str(ctrlAttrName, FamilyName)
	w.u16(ctrlAttrID, FamilyID)
	w.u32(ctrlAttrVersion, familyVersion)
	w.u32(ctrlAttrHdrSize, 0)
	w.u32(ctrlAttrMaxAttr, cmdAttrMax)
	list := w.nest(ctrlAttrOps)
	for i, cmd := range kernelCommands() {
		f := uint32(opAdmin | opHasPolicy)
		if ops[cmd].do != nil {
			f |= opDo
		}
		if ops[cmd].dump != nil {
			f |= opDump
		}
		n := w.nest(uint16(i + 1))
		w.u32(ctrlAttrOpID, uint32(cmd))
		w.u32(ctrlAttrOpFlags, f)
		w.endNest(n)
	}
	w.endNest(list)
	w.end(at)
	return w.b
}

// dumpPolicy tells what the family's commands take: for each the policy's
// number, then the policy.
//
// Kernel: genetlink.c, ctrl_dumppolicy_start, ctrl_dumppolicy (6.1).
func dumpPolicy(r *request) error {
	a, err := r.attrs(ctrlPolicyPolicy, true)
	if err != nil {
		return err
	}
	switch {
	case a.has(ctrlAttrID):
		if a.u16(ctrlAttrID) != FamilyID {
			return syscall.ENOENT
		}
	case !a.has(ctrlAttrName):
		return syscall.EINVAL
	case a.str(ctrlAttrName) != FamilyName:
		return syscall.ENOENT
	}
	cmds := kernelCommands()
	if a.has(ctrlAttrOp) {
		cmds = slices.DeleteFunc(cmds, func(c uint8) bool { return uint32(c) != a.u32(ctrlAttrOp) })
		if len(cmds) == 0 {
			return syscall.ENOENT
		}
	}
	d := newDump(r, ctrlGetPolicy)
	d.typ, d.version = ctrlID, ctrlVersion
	for _, cmd := range cmds {
		if ops[cmd].do == nil { // what dumps isn't held against the policy
			continue
		}
		d.add(func(w *writer) {
			w.u16(ctrlAttrID, FamilyID)
			all := w.nest(ctrlAttrOpPolicy | attrNested)
			one := w.nest(uint16(cmd) | attrNested)
			w.u32(ctrlAttrPolicyDo, 0)
			w.endNest(one)
			w.endNest(all)
		})
	}
	for typ, rule := range cmdPolicy {
		if rule.kind == unspec {
			continue
		}
		d.add(func(w *writer) {
			w.u16(ctrlAttrID, FamilyID)
			all := w.nest(ctrlAttrPolicy | attrNested)
			one := w.nest(0 | attrNested)
			w.rule(uint16(typ), rule)
			w.endNest(one)
			w.endNest(all)
		})
	}
	d.finish()
	return nil
}

// kernelCommands returns the commands that the kernel has, too, in its order.
func kernelCommands() []uint8 {
	cmds := make([]uint8, 0, len(ops))
	for cmd := range ops {
		if cmd <= CmdFlush {
			cmds = append(cmds, cmd)
		}
	}
	slices.Sort(cmds)
	return cmds
}

// rule describes a rule.
//
// Kernel: net/netlink/policy.c, __netlink_policy_dump_write_attr (6.1).
func (w *writer) rule(typ uint16, r rule) {
	if r.kind == unspec { // isn't described
		return
	}
	n := w.nest(typ | attrNested)
	var t uint32
	switch r.kind {
	case fixed:
		t = policyU8 + uint32(bits.TrailingZeros(uint(r.len)))
		w.u64(policyAttrMin, 0)
		w.u64(policyAttrMax, 1<<(8*r.len)-1)
	case atMost, nulString:
		t = policyBinary
		if r.kind == nulString {
			t = policyNulString
		}
		if r.len != 0 {
			w.u32(policyAttrMaxLen, uint32(r.len))
		}
	case nested:
		t = policyNested
	}
	w.u32(policyAttrType, t)
	w.endNest(n)
}
