package control

import "iter"

// HeaderSize is the length of a netlink message's header, in octets.
const HeaderSize = nlHeader

// Concerned says what a netlink message to the kernel has to do with IPVS.
type Concerned int

// The ways in which a message concerns IPVS. One that asks for a list of all
// families is the kernel's to answer, with FamilyEntry ahead of its own.
const (
	Nothing  Concerned = iota // it is for somebody else
	Families                  // it asks for a list of all families
	Requests                  // it is Relay's to answer
)

// Messages are the netlink messages of a datagram, without padding, as the
// kernel tells them apart.
func Messages(datagram []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, msg := range messages(datagram) {
			if !yield(msg) {
				return
			}
		}
	}
}

// Concern says what a message, of HeaderSize octets at least, has to do with
// IPVS.
func Concern(msg []byte) Concerned {
	h := parseHeader(msg)
	switch {
	case h.typ == FamilyID:
		return Requests
	case h.typ != ctrlID || h.flags&flagRequest == 0 || len(msg) < nlHeader+genlHeader:
		return Nothing
	case msg[nlHeader] == ctrlGetFamily && h.flags&flagDump == flagDump:
		return Families
	case msg[nlHeader] != ctrlGetFamily && msg[nlHeader] != ctrlGetPolicy:
		return Nothing
	}
	a, err := ctrlPolicy.parse(msg[nlHeader+genlHeader:])
	switch {
	case err != nil:
	case a.has(ctrlAttrName):
		if a.str(ctrlAttrName) == FamilyName {
			return Requests
		}
	case a.has(ctrlAttrID):
		if a.u16(ctrlAttrID) == FamilyID {
			return Requests
		}
	}
	return Nothing
}

// FamilyEntry is IPVS's part of a list of all families that msg asks for, as a
// datagram for the socket with the port id.
func FamilyEntry(msg []byte, portID uint32) []byte {
	r := &request{header: parseHeader(msg), msg: msg}
	r.portID = portID
	return family(r, flagMulti)
}
