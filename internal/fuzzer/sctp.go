package fuzzer

// sctpFlow is a client's SCTP association.
type sctpFlow struct {
	ends_
	at int // how many chunks of the script were said
}

func (f *sctpFlow) ends() ends { return f.ends_ }

// SCTP's chunks (RFC 9260 §3.2).
const (
	chunkData       = 0
	chunkInit       = 1
	chunkInitAck    = 2
	chunkSack       = 3
	chunkHeartbeat  = 4
	chunkAbort      = 6
	chunkShutdown   = 7
	chunkShutAck    = 8
	chunkError      = 9
	chunkCookieEcho = 10
	chunkCookieAck  = 11
	chunkShutDone   = 14
)

var (
	sctpScript = []uint8{chunkInit, chunkCookieEcho, chunkData, chunkData, chunkShutdown, chunkShutDone, chunkInit}
	sctpAnswer = map[uint8]uint8{
		chunkInit: chunkInitAck, chunkCookieEcho: chunkCookieAck, chunkData: chunkSack, chunkShutdown: chunkShutAck,
		chunkShutAck: chunkShutDone, chunkHeartbeat: 5,
	}
	sctpAny = []uint8{
		chunkData, chunkInit, chunkInitAck, chunkSack, chunkHeartbeat, chunkAbort, chunkShutdown, chunkShutAck, chunkError,
		chunkCookieEcho, chunkCookieAck, chunkShutDone, 5, 12, 13, 15, 0x80, 0xff,
	}
)

func (f *sctpFlow) step(t *traffic) {
	typ := sctpScript[f.at%len(sctpScript)]
	if t.in(15) && f.at > 0 {
		typ = pick(t.dice, sctpAny)
	} else if !t.in(10) {
		f.at++
	}
	t.send(f.iface, f.mac(), sctpDatagram(t.header(f.client, f.virtual), f.cport, f.vport, t.chunks(typ, f.iface)))
}

func (*sctpFlow) saw(*sighting) {}

// chunks draws what stands with a chunk.
func (t *traffic) chunks(typ uint8, iface string) []chunk {
	n := 16
	if typ == chunkData {
		n = 12 + t.size(iface)
		n = min(n, 1400)
	}
	all := []chunk{{typ, byte(t.IntN(4)), t.octets(n)}}
	if t.in(10) {
		all = append(all, chunk{pick(t.dice, sctpAny), 0, t.octets(t.IntN(20))})
	}
	return all
}

// answerSCTP draws what a server says to a chunk.
func (t *traffic) answerSCTP(s *sighting, h *ip) []byte {
	typ, ok := sctpAnswer[s.typ]
	if !ok && !t.in(20) {
		return nil
	}
	if t.in(10) || !ok {
		typ = pick(t.dice, sctpAny)
	}
	return sctpDatagram(h, s.dport, s.sport, t.chunks(typ, s.iface))
}
