package control

import (
	"slices"
	"syscall"
)

// control answers the family of the families, as far as it is asked for IPVS.
// The one dump there is lists IPVS alone.
//
// Kernel: genetlink.c, ctrl_getfamily, ctrl_dumpfamily (6.1).
func control(r *request) (dumped bool, err error) {
	if r.dump() {
		r.put(family(r, flagMulti))
		r.done()
		return true, nil
	}
	a, err := ctrlPolicy.parse(r.body())
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
	cmds := make([]uint8, 0, len(ops))
	for cmd := range ops {
		if cmd <= CmdFlush {
			cmds = append(cmds, cmd)
		}
	}
	slices.Sort(cmds)
	for i, cmd := range cmds {
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
