package lab

import (
	"net/netip"

	"goipvs/internal/replay"
)

// talk is a scenario's conversation over a replayed director: what the client
// begins, and what it and the servers say to what they hear. Nobody is on any
// network.
type talk struct {
	requests int // how many show all there is
	begin    func(request int) saying
	client   func(heard []byte) []saying // nil: listens only
	server   func(heard []byte) []saying
}

// saying is a datagram that a host sends.
type saying struct {
	data    []byte
	heading string // if its way through the hooks is worth telling, what it is
}

// say is a saying of which nothing is to be told.
func say(data []byte) []saying { return []saying{{data: data}} }

// talk returns the scenario's conversation.
func (p Plan) talk() talk {
	switch p.Scenario {
	case FTP:
		return p.ftpTalk()
	case SIP:
		return p.sipTalk()
	case SCTP:
		return p.sctpTalk()
	}
	return p.webTalk()
}

// play plays a number of requests, 0 for all, with what follows each.
func (p Plan) play(requests int) (d *director, said []saying, err error) {
	t := p.talk()
	if requests == 0 {
		requests = t.requests
	}
	var inputs []input
	for i := range requests {
		for pending := []spoken{{p.fromClient(), t.begin(i)}}; len(pending) > 0; pending = pending[1:] {
			inputs = append(inputs, pending[0].input())
			said = append(said, pending[0].saying)
			if d, err = replayDirector(p, inputs); err != nil {
				return nil, nil, err
			}
			for _, o := range d.passages[len(inputs)-1].outputs {
				pending = append(pending, p.hear(t, o)...)
			}
		}
	}
	return d, said, nil
}

// spoken is what was said, and by whom.
type spoken struct {
	by speaker
	saying
}

// speaker is where a host's packets come to the director.
type speaker struct {
	iface    string
	to, from mac
}

func (s spoken) input() input {
	if s.by.iface == replay.LocalName {
		return input{s.by.iface, s.data}
	}
	return input{s.by.iface, ethernet(s.by.to, s.by.from, s.data)}
}

func (p Plan) fromClient() speaker {
	if p.Scenario == Local {
		return speaker{iface: replay.LocalName}
	}
	return speaker{"eth0", macClientSide, macClient}
}

// hear has who gets what the director put out say something to it.
func (p Plan) hear(t talk, o output) (all []spoken) {
	by, says := p.fromClient(), t.client
	if o.to == "eth1" {
		by, says = speaker{"eth1", macServerSide, mac(o.data[:6])}, t.server
	}
	if says == nil || o.to == replay.LocalName {
		return nil
	}
	for _, s := range says(o.data[14:]) {
		all = append(all, spoken{by, s})
	}
	return all
}

// asker is where the client asks from in a conversation.
func (p Plan) asker(port uint16) netip.AddrPort {
	a := numbersOf(p.Family).client.Addr()
	if p.Scenario == Local {
		a = p.VIP
	}
	return netip.AddrPortFrom(a, port)
}

// webTalk is connections that begin; the first one is answered, where answers
// come by the director.
func (p Plan) webTalk() talk {
	answered := false
	t := talk{requests: requests, begin: func(i int) saying {
		s := saying{data: tcpSegment{from: p.asker(uint16(40000 + i)), to: p.Web(), flags: flagSYN}.encode()}
		if i == 0 {
			s.heading = "A request's first packet on its way through the hooks, step by step:"
		}
		return s
	}}
	if p.Scenario.straight() {
		return t
	}
	t.server = func(b []byte) []saying {
		s, ok := hearTCP(p.Family, b)
		if !ok || answered {
			return nil
		}
		answered = true
		return []saying{{s.answer(flagSYN|flagACK, "").encode(), "And the reply's:"}}
	}
	return t
}
