package trace

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"goipvs/packet"
)

// Schema is the version of the lines of explain --json. It changes when a field
// gets another meaning or goes; fields may come at any time.
const Schema = 1

// Start is the first line: what the director was before the first packet.
type Start struct {
	Type       string    `json:"type"`       // "start"
	Schema     int       `json:"schema"`     // version of this form, 1
	Kernel     string    `json:"kernel"`     // version of Linux whose rules hold
	Epoch      Seconds   `json:"epoch"`      // time 0, in seconds since 1970
	Interfaces []Device  `json:"interfaces"` // of the host, with "local" for its own processes
	Setup      []string  `json:"setup"`      // the commands that configured it
	Hooks      []Hook    `json:"hooks"`      // where IPVS's functions are, in the order in which they run at each point
	Services   []Service `json:"services"`   // after the setup
}

// Device is an interface of the host.
type Device struct {
	Name string `json:"name"`
	Link string `json:"link"` // what its frames are: "ethernet" or "raw" (IP datagrams)
}

// Hook is a function of IPVS at a hook point.
type Hook struct {
	Point    string `json:"point"`    // LOCAL_IN, FORWARD or LOCAL_OUT
	Priority int    `json:"priority"` // among netfilter's hooks; lower runs earlier
	Name     string `json:"name"`     // as goipvs hooks lists it
	Func     string `json:"func"`     // the kernel's function
	Purpose  string `json:"purpose"`
}

// Passage is what happened on account of one packet, one command, or by time: a
// line of its own for each.
type Passage struct {
	Type      string        `json:"type"`                // "packet", "command", or "timer" for what happens by time
	N         int           `json:"n,omitempty"`         // of a packet: its number in the capture, from 1
	Time      Seconds       `json:"time"`                // when, in seconds since time 0
	Interface string        `json:"interface,omitempty"` // of a packet: by which it came in; "local": a process sends it
	Frame     Hex           `json:"frame,omitempty"`     // of a packet: all octets, in hexadecimal, as the capture has them
	Link      string        `json:"link,omitempty"`      // of a packet: what the frame is: "ethernet", "raw" (an IP datagram), "sll" or "sll2" (Linux cooked)
	Command   string        `json:"command,omitempty"`   // of a command: its words
	Effects   []string      `json:"effects,omitempty"`   // of a command: what it changed of services and servers, in words
	Error     string        `json:"error,omitempty"`     // why the command failed
	Summary   string        `json:"summary"`             // the packet, or what happened, in a line
	Outcome   string        `json:"outcome,omitempty"`   // what became of the packet: "sent", "delivered", "waiting", "lost", "handled", or "skipped": none that came
	Reason    packet.Reason `json:"reason,omitempty"`    // the deciding one (docs/reasons.md)
	Text      string        `json:"text"`                // what became of it and why, in a sentence
	Advice    string        `json:"advice,omitempty"`    // of a packet that went no further: what one can do about it, or look at
	Packets   []Packet      `json:"packets,omitempty"`   // what the steps are about: the packet, and those made on its account
	Steps     []Step        `json:"steps,omitempty"`     // in the order in which they happened
	Outputs   []Output      `json:"outputs,omitempty"`   // frames that left, in order
	Conns     []Conn        `json:"conns,omitempty"`     // connections and templates that this touched, as they are afterwards
	Ended     []int         `json:"ended,omitempty"`     // ids of those that ended
	Last      []Conn        `json:"last,omitempty"`      // the same, as they were at last
	Services  []Service     `json:"services,omitempty"`  // services of which anything changed, as they are afterwards
	Gone      []string      `json:"gone,omitempty"`      // keys of services that were deleted
}

// Packet is a datagram that steps are about.
type Packet struct {
	ID      int     `json:"id"`               // within the line, from 1
	Kind    string  `json:"kind"`             // "input", "icmp-error", "fragment", "copy" (for this host), or "kept" (a fragment, or one that waited)
	Parent  int     `json:"parent,omitempty"` // the packet on whose account it was made
	Summary string  `json:"summary"`          // as it was at first
	Layers  []Layer `json:"layers"`           // as it was at first
}

// Layer is a header, or what a datagram carries.
type Layer struct {
	Name   string  `json:"name"`             // "IPv4", "TCP", …, "payload"
	Quoted bool    `json:"quoted,omitempty"` // it is within an ICMP error
	Fields []Field `json:"fields"`
}

// Field is a field of a header, in words.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Step is one event on the way.
type Step struct {
	Packet   int           `json:"packet,omitempty"`   // id of the packet it is about
	Time     Seconds       `json:"time,omitempty"`     // of what happens by time: when
	Kind     string        `json:"kind"`               // what it tells of: "hook", "lookup", "service", "schedule", "state", …
	Host     bool          `json:"host,omitempty"`     // the machine around does it, not IPVS
	Point    string        `json:"point,omitempty"`    // the hook point that the packet is at
	Hook     string        `json:"hook,omitempty"`     // the hook function that it is in,
	Priority int           `json:"priority,omitempty"` // with its priority
	Func     string        `json:"func"`               // the kernel function that decides so
	Reason   packet.Reason `json:"reason"`             // what was decided and why (docs/reasons.md)
	Verdict  string        `json:"verdict,omitempty"`  // where it ends a function: ACCEPT, DROP or STOLEN
	Text     string        `json:"text"`               // in words
	Changes  []Change      `json:"changes,omitempty"`  // fields of the packet that are different since the step before
	Added    []Layer       `json:"added,omitempty"`    // headers that were put before it
	Removed  []Layer       `json:"removed,omitempty"`  // headers that were taken off
	Conn     int           `json:"conn,omitempty"`     // id of the connection or template concerned
	Service  string        `json:"service,omitempty"`  // key of the service concerned
	Choice   *Choice       `json:"choice,omitempty"`   // of a scheduler
	State    *State        `json:"state,omitempty"`    // of a state machine
	Route    *Route        `json:"route,omitempty"`    // the way found
	Output   int           `json:"output,omitempty"`   // the frame that left by it, counted from 1 in outputs
}

// Change is a field that changed.
type Change struct {
	Layer  string `json:"layer"`
	Quoted bool   `json:"quoted,omitempty"` // within an ICMP error
	Field  string `json:"field"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// Choice is how a scheduler chose.
type Choice struct {
	Scheduler string      `json:"scheduler"`
	Rule      string      `json:"rule"`              // how it chooses, in a sentence
	Dest      string      `json:"dest,omitempty"`    // the chosen server; none: no server takes the connection
	Figures   []Field     `json:"figures,omitempty"` // what it went by beside the servers' own figures
	Servers   []Candidate `json:"servers"`           // in the scheduler's order
}

// Candidate is a server as the scheduler saw it.
type Candidate struct {
	Address    string        `json:"address"`
	Weight     int32         `json:"weight"`
	Active     int32         `json:"active"`         // connections in an active state
	Inactive   int32         `json:"inactive"`       // and in others
	Load       int32         `json:"load,omitempty"` // what was compared, before it is divided by the weight
	Slots      int           `json:"slots,omitempty"`
	Overloaded bool          `json:"overloaded,omitempty"`
	Why        packet.Reason `json:"why"` // why it was chosen or not (docs/reasons.md)
}

// State is what a state machine did.
type State struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	Direction string  `json:"direction"`        // "input", "output" or "input only"
	Event     string  `json:"event,omitempty"`  // what in the packet decided: "syn", "fin", …
	Timeout   Seconds `json:"timeout"`          // how long the connection lives without another packet
	Active    int     `json:"active,omitempty"` // 1: it counts as active now, -1: no longer
}

// Route is a way.
type Route struct {
	Local     bool   `json:"local,omitempty"` // to this host
	Interface string `json:"interface,omitempty"`
	NextHop   string `json:"next_hop,omitempty"` // none: the destination itself
	MTU       int    `json:"mtu,omitempty"`
	Cached    bool   `json:"cached,omitempty"` // the server remembered it
}

// Output is a frame that left.
type Output struct {
	Packet    int    `json:"packet"`    // id
	Interface string `json:"interface"` // "local": a process of this host got it
	To        string `json:"to,omitempty"`
	Summary   string `json:"summary"`
	Frame     Hex    `json:"frame"` // all octets, in hexadecimal
}

// Conn is a connection or persistence template.
type Conn struct {
	ID        int     `json:"id"` // its own in the whole run, from 1
	Template  bool    `json:"template,omitempty"`
	Protocol  string  `json:"protocol"`
	Client    string  `json:"client"`
	Virtual   string  `json:"virtual"`
	Dest      string  `json:"dest"`
	Forward   string  `json:"forward"` // Masq, Local, Tunnel, Route or Bypass
	State     string  `json:"state"`
	Timeout   Seconds `json:"timeout"` // what its timer is set to with each packet
	Expires   Seconds `json:"expires"` // how long it has from now
	InPkts    uint32  `json:"in_pkts"` // packets from the client
	Control   int     `json:"control,omitempty"`
	Controls  int32   `json:"controls,omitempty"` // how many it controls
	OnePacket bool    `json:"one_packet,omitempty"`
	Inactive  bool    `json:"inactive,omitempty"` // not counted as active
	Mark      uint32  `json:"mark,omitempty"`
	PE        string  `json:"pe,omitempty"`
	PEData    string  `json:"pe_data,omitempty"`
}

// Service is a virtual service.
type Service struct {
	Key       string   `json:"key"` // such as "TCP 203.0.113.10:80" or "FWM 5"
	Scheduler string   `json:"scheduler"`
	Flags     []string `json:"flags,omitempty"`   // as ipvsadm has them: "ops", "sh-port", …
	Timeout   uint32   `json:"timeout,omitempty"` // of persistence, in seconds
	Netmask   string   `json:"netmask,omitempty"` // of persistence, unless each address counts
	PE        string   `json:"pe,omitempty"`
	Stats     Stats    `json:"stats"`
	Servers   []Server `json:"servers"` // newest first
}

// Server is a real server.
type Server struct {
	Address    string `json:"address"`
	Forward    string `json:"forward"`
	Tunnel     string `json:"tunnel,omitempty"` // of method Tunnel: "ipip", "gue" or "gre"
	Weight     int32  `json:"weight"`
	Upper      uint32 `json:"upper,omitempty"`
	Lower      uint32 `json:"lower,omitempty"`
	Active     int32  `json:"active"`
	Inactive   int32  `json:"inactive"`
	Persistent int32  `json:"persistent,omitempty"` // templates
	Overloaded bool   `json:"overloaded,omitempty"`
	Stats      Stats  `json:"stats"`
}

// Stats are counters, as counted by now (listings show them as of each two
// seconds).
type Stats struct {
	Conns    uint64 `json:"conns"`
	InPkts   uint64 `json:"in_pkts"`
	OutPkts  uint64 `json:"out_pkts"`
	InBytes  uint64 `json:"in_bytes"`
	OutBytes uint64 `json:"out_bytes"`
}

// Listing is what an ipvsadm command of the timeline printed, or one of those at
// the end.
type Listing struct {
	Type    string  `json:"type"` // "listing"
	Time    Seconds `json:"time"`
	Command string  `json:"command"`
	Text    string  `json:"text"`
}

// Lost tells, in goipvs trace, of packets that were not told of: they came faster
// than they could be told, or their lines faster than they were read.
type Lost struct {
	Type    string  `json:"type"`             // "lost"
	Time    Seconds `json:"time"`             // by when
	Packets uint64  `json:"packets"`          // since the last such line
	Others  uint64  `json:"others,omitempty"` // ends of connections, likewise
}

// Services tells, in goipvs trace, what changed of the services meanwhile, where that
// is asked for.
type Services struct {
	Type     string    `json:"type"` // "services"
	Time     Seconds   `json:"time"`
	Services []Service `json:"services,omitempty"` // of which anything changed, as they are now
	Gone     []string  `json:"gone,omitempty"`     // keys of those that were deleted
}

// Life is the life of a connection or template, as --conn tells it: a line for
// each, when it ended, or at the end for those that are there.
type Life struct {
	Type     string        `json:"type"`            // "life"
	Conn     Conn          `json:"conn"`            // as it was at last
	Made     Seconds       `json:"made"`            // when
	By       int           `json:"by,omitempty"`    // number of the packet that made it
	How      string        `json:"how"`             // by whom its server was chosen
	Moments  []Moment      `json:"moments"`         // its packets
	Ended    Seconds       `json:"ended,omitempty"` // when; none: it is there at the end
	Why      packet.Reason `json:"why,omitempty"`   // it ended (docs/reasons.md)
	InPkts   int           `json:"in_pkts"`         // from the client, that were sent on
	InBytes  int           `json:"in_bytes"`
	OutPkts  int           `json:"out_pkts"` // from the server
	OutBytes int           `json:"out_bytes"`
}

// Moment is a packet in a connection's life.
type Moment struct {
	N         int     `json:"n"`
	Time      Seconds `json:"time"`
	Direction string  `json:"direction"` // "in": from the client, "out": from the server, "error": an ICMP error about it
	Summary   string  `json:"summary"`
	Outcome   string  `json:"outcome"`
	State     *State  `json:"state,omitempty"`
	Text      string  `json:"text,omitempty"` // what else happened
}

// End is the last line.
type End struct {
	Type    string   `json:"type"` // "end"
	Time    Seconds  `json:"time"`
	Packets int      `json:"packets"` // read from the capture
	Outputs int      `json:"outputs"` // frames that left
	Notes   []string `json:"notes,omitempty"`
}

// Seconds is a time that JSON has in seconds, exact to the nanosecond.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	neg, d := "", int64(s)
	if d < 0 {
		neg, d = "-", -d
	}
	t := strconv.FormatInt(d/1e9, 10)
	if frac := d % 1e9; frac != 0 {
		f := strconv.FormatInt(1e9+frac, 10)[1:]
		t += "." + strings.TrimRight(f, "0")
	}
	return []byte(neg + t), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var f json.Number
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	whole, frac, _ := strings.Cut(f.String(), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return err
	}
	ns, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	if err != nil {
		return err
	}
	if strings.HasPrefix(whole, "-") {
		ns = -ns
	}
	*s = Seconds(n*1e9 + ns)
	return nil
}

// Hex is octets that JSON has in hexadecimal.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(b []byte) (err error) {
	*h, err = hex.AppendDecode(nil, b)
	return err
}
