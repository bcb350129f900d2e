package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"goipvs/packet"
)

// SCTP's chunks (RFC 9260 §3.2).
const (
	chunkDATA             = 0
	chunkINIT             = 1
	chunkINITACK          = 2
	chunkSACK             = 3
	chunkSHUTDOWN         = 7
	chunkSHUTDOWNACK      = 8
	chunkCOOKIEECHO       = 10
	chunkCOOKIEACK        = 11
	chunkSHUTDOWNCOMPLETE = 14
)

// sctpTalk is associations from beginning to end.
func (p Plan) sctpTalk() talk {
	headings := map[byte]string{ // told once each
		chunkINIT:       "An association's first packet on its way through the hooks, step by step:",
		chunkINITACK:    "The answer's:",
		chunkCOOKIEECHO: "And that of the packet that establishes it:",
	}
	t := talk{requests: 3, begin: func(i int) saying {
		from := p.asker(uint16(40000 + i))
		return sctpSaying(transport(from, p.Service(), packet.ProtoSCTP, sctpINIT(from.Port(), p.Service().Port())), chunkINIT, headings)
	}}
	side := func(says func(b []byte) []byte) func([]byte) []saying {
		return func(b []byte) []saying {
			h, ok := hear(p.Family, b, packet.ProtoSCTP, packet.SizeSCTP+4)
			if !ok {
				return nil
			}
			answer := says(h.payload)
			if answer == nil {
				return nil
			}
			return []saying{sctpSaying(transport(h.to, h.from, packet.ProtoSCTP, answer), answer[packet.SizeSCTP], headings)}
		}
	}
	t.server = side(func(b []byte) []byte { return sctpServerSays(b, "hello") })
	t.client = side(sctpClientSays)
	return t
}

func sctpSaying(datagram []byte, kind byte, headings map[byte]string) saying {
	s := saying{datagram, headings[kind]}
	delete(headings, kind)
	return s
}

// sctpPacket makes a packet without checksum.
func sctpPacket(from, to uint16, tag uint32, chunks ...[]byte) []byte {
	b := make([]byte, packet.SizeSCTP)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	binary.BigEndian.PutUint32(b[4:], tag)
	return append(b, bytes.Join(chunks, nil)...)
}

// sctpChunk makes a chunk, whose fields are those of its kind.
func sctpChunk(kind, flags byte, fields ...any) []byte {
	b := []byte{kind, flags, 0, 0}
	for _, f := range fields {
		switch f := f.(type) {
		case uint16:
			b = binary.BigEndian.AppendUint16(b, f)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, f)
		case string:
			b = append(b, f...)
		default:
			panic(fmt.Sprintf("%T is no field of a chunk", f))
		}
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return append(b, make([]byte, -len(b)&3)...)
}

// sctpTag is the verification tag that an end of an association with a client's
// port chooses: so that neither end has to remember anything.
func sctpTag(clientPort uint16, server bool) uint32 {
	if server {
		return 0x5e000000 | uint32(clientPort)
	}
	return 0xc1000000 | uint32(clientPort)
}

// sctpINIT begins an association.
func sctpINIT(from, to uint16) []byte {
	return sctpPacket(from, to, 0, sctpInit(chunkINIT, sctpTag(from, false)))
}

const sctpWindow = uint32(65536)

func sctpInit(kind byte, tag uint32, more ...any) []byte {
	const streams, firstTSN = uint16(1), uint32(1)
	return sctpChunk(kind, 0, append([]any{tag, sctpWindow, streams, streams, firstTSN}, more...)...)
}

// sctpServerSays is what a server answers to a packet with its first chunk
// whole: to a message, one; nil for nothing.
func sctpServerSays(b []byte, message string) []byte {
	from, to := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	says := func(chunks ...[]byte) []byte { return sctpPacket(to, from, sctpTag(from, false), chunks...) }
	switch b[packet.SizeSCTP] {
	case chunkINIT:
		const cookieParameter, size = uint16(7), uint16(8)
		return says(sctpInit(chunkINITACK, sctpTag(from, true), cookieParameter, size, "oven"))
	case chunkCOOKIEECHO:
		return says(sctpChunk(chunkCOOKIEACK, 0))
	case chunkDATA:
		return says(sctpSACK(), sctpData(message))
	case chunkSHUTDOWN:
		return says(sctpChunk(chunkSHUTDOWNACK, 0))
	}
	return nil
}

// sctpClientSays is what the client says when it gets a packet: it sends one
// message and, when that is answered, ends the association.
func sctpClientSays(b []byte) []byte {
	from, to := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	says := func(chunks ...[]byte) []byte { return sctpPacket(to, from, sctpTag(to, true), chunks...) }
	switch b[packet.SizeSCTP] {
	case chunkINITACK:
		return says(sctpChunk(chunkCOOKIEECHO, 0, "oven"))
	case chunkCOOKIEACK:
		return says(sctpData("hello"))
	case chunkSACK: // and the answer behind it
		return says(sctpChunk(chunkSHUTDOWN, 0, uint32(1)))
	case chunkSHUTDOWNACK:
		return says(sctpChunk(chunkSHUTDOWNCOMPLETE, 0))
	}
	return nil
}

func sctpData(message string) []byte {
	const whole, tsn, stream, sequence, payloadProtocol = 3, uint32(1), uint16(0), uint16(0), uint32(0)
	return sctpChunk(chunkDATA, whole, tsn, stream, sequence, payloadProtocol, message)
}

func sctpSACK() []byte {
	const tsn, gaps, duplicates = uint32(1), uint16(0), uint16(0)
	return sctpChunk(chunkSACK, 0, tsn, sctpWindow, gaps, duplicates)
}
