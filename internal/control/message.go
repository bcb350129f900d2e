package control

import (
	"encoding/binary"
	"iter"
)

// ne is the octet order of netlink: the machine's.
var ne = binary.NativeEndian

// header is the head of a netlink message.
type header struct {
	len         uint32
	typ, flags  uint16
	seq, portID uint32
}

func parseHeader(b []byte) header {
	return header{ne.Uint32(b), ne.Uint16(b[4:]), ne.Uint16(b[6:]), ne.Uint32(b[8:]), ne.Uint32(b[12:])}
}

// messages are the netlink messages of a datagram, each from its header to its
// end, without the padding. One that claims to be longer than what is left ends
// the datagram.
//
// Kernel: af_netlink.c, netlink_rcv_skb (6.1).
func messages(b []byte) iter.Seq2[header, []byte] {
	return func(yield func(header, []byte) bool) {
		for len(b) >= nlHeader {
			h := parseHeader(b)
			if h.len < nlHeader || uint64(h.len) > uint64(len(b)) {
				return
			}
			if !yield(h, b[:h.len]) {
				return
			}
			b = b[min(align(int(h.len)), len(b)):]
		}
	}
}

func align(n int) int { return (n + 3) &^ 3 }

// writer builds netlink messages and their attributes one after the other.
type writer struct{ b []byte }

// start begins a message and returns where, for end.
func (w *writer) start(h header) int {
	at := len(w.b)
	w.b = ne.AppendUint32(w.b, 0)
	w.b = ne.AppendUint16(w.b, h.typ)
	w.b = ne.AppendUint16(w.b, h.flags)
	w.b = ne.AppendUint32(w.b, h.seq)
	w.b = ne.AppendUint32(w.b, h.portID)
	return at
}

// startGen begins a generic-netlink message.
func (w *writer) startGen(h header, cmd, version uint8) int {
	at := w.start(h)
	w.b = append(w.b, cmd, version, 0, 0)
	return at
}

// end sets the length of the message that began at at.
func (w *writer) end(at int) { ne.PutUint32(w.b[at:], uint32(len(w.b)-at)) }

func (w *writer) head(typ uint16, n int) {
	w.b = ne.AppendUint16(w.b, uint16(attrHeader+n))
	w.b = ne.AppendUint16(w.b, typ)
}

func (w *writer) pad() {
	for len(w.b)%4 != 0 {
		w.b = append(w.b, 0)
	}
}

func (w *writer) bytes(typ uint16, v []byte) {
	w.head(typ, len(v))
	w.b = append(w.b, v...)
	w.pad()
}

func (w *writer) text(typ uint16, v string) {
	w.head(typ, len(v))
	w.b = append(w.b, v...)
	w.pad()
}

// str writes a string with its terminating zero.
func (w *writer) str(typ uint16, v string) {
	w.head(typ, len(v)+1)
	w.b = append(w.b, v...)
	w.b = append(w.b, 0)
	w.pad()
}

func (w *writer) u8(typ uint16, v uint8) {
	w.head(typ, 1)
	w.b = append(w.b, v, 0, 0, 0)
}

func (w *writer) u16(typ, v uint16) {
	w.head(typ, 2)
	w.b = append(ne.AppendUint16(w.b, v), 0, 0)
}

func (w *writer) be16(typ, v uint16) {
	w.head(typ, 2)
	w.b = append(binary.BigEndian.AppendUint16(w.b, v), 0, 0)
}

func (w *writer) u32(typ uint16, v uint32) {
	w.head(typ, 4)
	w.b = ne.AppendUint32(w.b, v)
}

func (w *writer) be32(typ uint16, v uint32) {
	w.head(typ, 4)
	w.b = binary.BigEndian.AppendUint32(w.b, v)
}

func (w *writer) u64(typ uint16, v uint64) {
	w.head(typ, 8)
	w.b = ne.AppendUint64(w.b, v)
}

// nest begins an attribute that holds attributes and returns where, for
// endNest.
func (w *writer) nest(typ uint16) int {
	w.head(typ, 0)
	return len(w.b) - attrHeader
}

func (w *writer) endNest(at int) { ne.PutUint16(w.b[at:], uint16(len(w.b)-at)) }
