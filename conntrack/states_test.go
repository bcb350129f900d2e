package conntrack

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

// A tableRow is a line of testdata/states.txt.
type tableRow struct {
	proto              uint8
	secure             bool
	dir                Direction
	event              string
	states, nextStates []string
}

func readRows(t *testing.T) (rows []tableRow) {
	f, err := os.Open("testdata/states.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var states []string
	protos := map[string]uint8{"tcp": packet.ProtoTCP, "sctp": packet.ProtoSCTP}
	dirs := map[string]Direction{"input": Input, "output": Output, "inputonly": InputOnly}
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		switch {
		case w[0] == "#":
		case w[1] == "states":
			states = w[2:]
		default:
			rows = append(rows, tableRow{protos[w[0]], w[1] == "secure", dirs[w[2]], w[3], states, w[4:]})
		}
	}
	return rows
}

var (
	tcpFlags   = map[string]byte{"syn": flagSYN, "fin": flagFIN, "ack": flagACK, "rst": flagRST}
	sctpChunk  = map[string]byte{"data": 0, "init": 1, "init-ack": 2, "cookie-echo": 10, "cookie-ack": 11, "shutdown": 7, "shutdown-ack": 8, "shutdown-complete": 14, "error": 9, "abort": 6}
	activeTCP  = []string{"ESTABLISHED", "SYN_SENT", "SYN_RECV", "SYNACK"}
	activeSCTP = []string{"ESTABLISHED"}
)

// segment is a transport header that stands for an event.
func segment(proto uint8, event string) []byte {
	if proto == packet.ProtoTCP {
		b := make([]byte, packet.SizeTCP)
		b[13] = tcpFlags[event]
		return b
	}
	return append(make([]byte, packet.SizeSCTP), sctpChunk[event], 0, 0, 4)
}

// TestStates goes through all tables, state by state.
//
// Features: 6.1, 6.3.
func TestStates(t *testing.T) {
	rows := readRows(t)
	if len(rows) != 2*3*4+3*10 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		t.Run(fmt.Sprintf("%s/secure=%v/%v/%s", packet.ProtoName(r.proto), r.secure, r.dir, r.event), func(t *testing.T) {
			for from := range r.states {
				testState(t, r, from)
			}
		})
	}
}

func testState(t *testing.T, r tableRow, from int) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	m := Machines{Timeouts: DefaultTimeouts(), SecureTCP: r.secure}
	active := activeTCP
	if r.proto == packet.ProtoSCTP {
		active = activeSCTP
	}
	c := s.New(&New{Key: Key{Protocol: r.proto}, DestID: 1})
	c.State = uint8(from)
	isActive := slices.Contains(active, r.states[from])
	if !isActive {
		c.Flags |= Inactive
	}
	// Input only is what input becomes while no reply was seen.
	dir := r.dir
	if dir == InputOnly {
		dir, c.Flags = Input, c.Flags|NoOutput
	}
	ch, moved, ok := m.Transition(s, c, r.proto, dir, segment(r.proto, r.event))
	if !ok {
		t.Fatal("no transition")
	}
	want := r.nextStates[from]
	if got := c.StateName(); got != want || StateName(r.proto, ch.To) != want || int(ch.From) != from || ch.Direction != r.dir || ch.Event != r.event {
		t.Errorf("%s → %s (%+v), want %s", r.states[from], got, ch, want)
	}
	willBe, change := slices.Contains(active, want), 0
	if want != r.states[from] && willBe != isActive {
		change = map[bool]int{true: 1, false: -1}[willBe]
	}
	if moved != change || (c.Flags&Inactive == 0) != (isActive && change == 0 || change > 0) {
		t.Errorf("%s → %s: active %+d, flags %#x; want %+d", r.states[from], want, moved, c.Flags, change)
	}
	if got := ticks(uint64(c.Timeout)); got != defaultTimeout(r.proto, want) {
		t.Errorf("%s: timeout %v, want %v", want, got, defaultTimeout(r.proto, want))
	}
}

func defaultTimeout(proto uint8, state string) time.Duration {
	seconds := map[string]time.Duration{
		"NONE": 2, "ESTABLISHED": 900, "SYN_SENT": 120, "SYN_RECV": 60, "FIN_WAIT": 120, "TIME_WAIT": 120,
		"CLOSE": 10, "CLOSE_WAIT": 60, "LAST_ACK": 30, "LISTEN": 120, "SYNACK": 120,
	}
	if proto == packet.ProtoSCTP {
		seconds = map[string]time.Duration{"NONE": 2, "INIT1": 4, "ESTABLISHED": 900, "REJECTED": 4}
		if seconds[state] == 0 {
			return 61 * time.Second
		}
	}
	return seconds[state] * time.Second
}

// Of several flags the first in this order counts: RST, SYN, FIN, ACK; with none
// the connection is closed.
//
// Features: 6.1.
func TestTCPFlags(t *testing.T) {
	for flags := range 1 << 6 {
		want := ""
		switch {
		case flags&flagRST != 0:
			want = "rst"
		case flags&flagSYN != 0:
			want = "syn"
		case flags&flagFIN != 0:
			want = "fin"
		case flags&flagACK != 0:
			want = "ack"
		}
		table, _ := newTestTable(1)
		m := Machines{Timeouts: DefaultTimeouts()}
		c := table.shards[0].New(&New{})
		c.State = tcpEstablished
		b := segment(packet.ProtoTCP, "")
		b[13] = byte(flags)
		ch, _, _ := m.Transition(&table.shards[0], c, packet.ProtoTCP, Input, b)
		if ch.Event != want {
			t.Errorf("flags %#02x: event %q, want %q", flags, ch.Event, want)
		}
		if want == "" && ch.To != tcpClose {
			t.Errorf("flags %#02x: now %d, want CLOSE", flags, ch.To)
		}
	}
}

// A reply ends NOOUTPUT, whatever the state.
//
// Features: C6.
func TestNoOutput(t *testing.T) {
	for _, proto := range []uint8{packet.ProtoTCP, packet.ProtoSCTP} {
		table, _ := newTestTable(1)
		m := Machines{Timeouts: DefaultTimeouts()}
		s := &table.shards[0]
		c := s.New(&New{Key: Key{Protocol: proto}, Flags: 3 | NoOutput})
		var dirs []Direction
		for _, d := range []Direction{Input, Input, Output, Input} {
			ch, _, _ := m.Transition(s, c, proto, d, segment(proto, "ack"))
			dirs = append(dirs, ch.Direction)
		}
		if d := cmp.Diff([]Direction{InputOnly, InputOnly, Output, Input}, dirs); d != "" || c.Flags&NoOutput != 0 {
			t.Errorf("%s: flags %#x\n%s", packet.ProtoName(proto), c.Flags, d)
		}
	}
}

// Without a server nobody counts active connections.
func TestActiveWithoutDest(t *testing.T) {
	table, _ := newTestTable(1)
	m := Machines{Timeouts: DefaultTimeouts()}
	c := table.shards[0].New(&New{Key: Key{Protocol: packet.ProtoTCP}, Flags: 4})
	_, active, _ := m.Transition(&table.shards[0], c, packet.ProtoTCP, Input, segment(packet.ProtoTCP, "syn"))
	if active != 0 || c.StateName() != "SYN_RECV" {
		t.Errorf("active %+d in %s", active, c.StateName())
	}
}

// Features: 6.2.
func TestUDPAssuresByReply(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	m := Machines{Timeouts: DefaultTimeouts()}
	c := s.New(&New{Key: Key{Protocol: packet.ProtoUDP}})
	ct := s.New(&New{Flags: Template})
	s.AddControl(c, ct)
	for _, step := range []struct {
		dir  Direction
		want string
	}{{Input, "NONE"}, {Output, "ASSURED"}, {Input, "ASSURED"}} {
		c.Timeout = 1
		if _, _, ok := m.Transition(s, c, packet.ProtoUDP, step.dir, make([]byte, packet.SizeUDP)); !ok {
			t.Fatal("no transition")
		}
		if c.Timeout != 300*HZ || c.StateName() != "UDP" || ct.StateName() != step.want {
			t.Errorf("after %v: timeout %d, state %s, template %s", step.dir, c.Timeout, c.StateName(), ct.StateName())
		}
	}
}

// Features: C9.
func TestEstablishedAssures(t *testing.T) {
	for proto, event := range map[uint8]string{packet.ProtoTCP: "ack", packet.ProtoSCTP: "data"} {
		table, _ := newTestTable(1)
		s := &table.shards[0]
		m := Machines{Timeouts: DefaultTimeouts()}
		c, ct := s.New(&New{Key: Key{Protocol: proto}}), s.New(&New{Flags: Template})
		s.AddControl(c, ct)
		m.Transition(s, c, proto, Input, segment(proto, event))
		if c.StateName() != "ESTABLISHED" || ct.StateName() != "ASSURED" {
			t.Errorf("%s is %s, template %s", packet.ProtoName(proto), c.StateName(), ct.StateName())
		}
	}
}

// What is too short, or has no states, changes nothing.
func TestNoTransition(t *testing.T) {
	for _, c := range []struct {
		proto uint8
		n     int
	}{
		{packet.ProtoTCP, 19}, {packet.ProtoTCP, 0}, {packet.ProtoSCTP, 15}, {packet.ProtoESP, 100}, {packet.ProtoAH, 100},
	} {
		table, _ := newTestTable(1)
		m := Machines{Timeouts: DefaultTimeouts()}
		conn := table.shards[0].New(&New{Flags: NoOutput})
		before := *conn
		if _, _, ok := m.Transition(&table.shards[0], conn, c.proto, Output, make([]byte, c.n)); ok || *conn != before {
			t.Errorf("%s of %d octets: %v, %+v", packet.ProtoName(c.proto), c.n, ok, conn)
		}
	}
}

func TestStateNames(t *testing.T) {
	for _, c := range []struct {
		proto, state uint8
		want         string
	}{
		{packet.ProtoTCP, 0, "NONE"}, {packet.ProtoTCP, 10, "SYNACK"}, {packet.ProtoTCP, 11, "ERR!"},
		{packet.ProtoUDP, 0, "UDP"}, {packet.ProtoUDP, 1, "ERR!"},
		{packet.ProtoSCTP, 13, "CLOSED"}, {packet.ProtoSCTP, 14, "ERR!"},
		{packet.ProtoIP, 0, "NONE"}, {packet.ProtoIP, 9, "NONE"}, {packet.ProtoESP, 0, "ERR!"},
	} {
		if got := StateName(c.proto, c.state); got != c.want {
			t.Errorf("StateName(%d, %d) = %q, want %q", c.proto, c.state, got, c.want)
		}
	}
}

func TestListen(t *testing.T) {
	m := Machines{Timeouts: DefaultTimeouts()}
	c := Conn{Protocol: packet.ProtoTCP}
	m.Listen(&c)
	if c.StateName() != "LISTEN" || c.Timeout != 120*HZ {
		t.Errorf("%s for %d", c.StateName(), c.Timeout)
	}
}

func TestReusable(t *testing.T) {
	for _, c := range []struct {
		name  string
		conn  Conn
		modes [4]bool // by conn_reuse_mode
	}{
		{"NONE", Conn{Protocol: 6, State: tcpNone}, [4]bool{}},
		{"ESTABLISHED", Conn{Protocol: 6, State: tcpEstablished}, [4]bool{}},
		{"TIME_WAIT", Conn{Protocol: 6, State: tcpTimeWait}, [4]bool{true, true, true, true}},
		{"CLOSE", Conn{Protocol: 6, State: tcpClose}, [4]bool{true, true, true, true}},
		{"CLOSE_WAIT", Conn{Protocol: 6, State: tcpCloseWait}, [4]bool{}},
		{"FIN_WAIT", Conn{Protocol: 6, State: tcpFinWait}, [4]bool{}},
		{"FIN_WAIT without replies", Conn{Protocol: 6, State: tcpFinWait, Flags: NoOutput}, [4]bool{false, false, true, true}},
		{"TIME_WAIT but persistent", Conn{Protocol: 6, State: tcpTimeWait, Control: 1}, [4]bool{}},
		{"SCTP CLOSED", Conn{Protocol: 132, State: sctpClosed}, [4]bool{true, true, true, true}},
		{"SCTP ESTABLISHED", Conn{Protocol: 132, State: sctpEstablished}, [4]bool{}},
		{"UDP", Conn{Protocol: 17}, [4]bool{}},
	} {
		for mode, want := range c.modes {
			if got := c.conn.Reusable(mode); got != want {
				t.Errorf("%s, mode %d: %v", c.name, mode, got)
			}
		}
	}
}
