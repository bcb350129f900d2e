package replay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/internal/setup"
	"goipvs/packet"
)

// Config is what is replayed.
type Config struct {
	Setup    []setup.Line
	Timeline []setup.Line
	Capture  *Capture

	// Iface is the interface of frames whose capture names none ("" or any).
	// Without it that is the one that the setup names, if it names one only.
	Iface string
	// Implied says that interfaces exist that the setup names but neither makes
	// nor the capture has, as with a capture of one of a director's interfaces.
	Implied bool
	// FromFirst says that the clock starts with the first frame, unless that
	// is of January 1st, 1970: then, and without it, it starts there.
	FromFirst bool
	// End is when the listings are taken; 0, or a time before: after the last
	// frame and command. ConnsAt is when those of services and connections
	// are, where that is not End.
	End, ConnsAt time.Duration
	// ListingDelay is how long a listing takes to come, unless the next frame
	// or command is due before.
	ListingDelay time.Duration
	// Kernel is the version whose rules hold where versions differ.
	Kernel hooks.Kernel
	// Listener, if not nil, gets the events of each packet, and of connections
	// that end.
	Listener packet.Listener
	// Made, if not nil, is given what is replayed on, before the setup.
	Made func(World)

	maxGap time.Duration // 0: longestGap
}

// Observer follows a replay. Its methods are called in the order in which
// things happen, from the goroutine of Run.
type Observer interface {
	// Interface declares an interface of the output, in order of index from 0:
	// those of the capture first.
	Interface(index int, i CaptureIf)
	// Input is called before a frame is handed to the host,
	Input(f *Frame, iface int)
	// Handled after it was: what follows is not on its account. err is why it
	// went nowhere: ErrCut, ErrOutgoing, or that the host couldn't send it.
	Handled(err error)
	// Output is called with each frame that leaves the host, at the time since
	// 1970 of what caused it. The frame is valid during the call only.
	Output(iface int, at time.Duration, frame []byte)
	// Begin is called before a command of the timeline is run,
	Begin(l setup.Line)
	// Command after it was; err is why it failed.
	Command(l setup.Line, err error)
	// Listing is called with each listing.
	Listing(l Listing)
}

// World is what a replay runs on.
type World struct {
	Host     *host.Host
	Director *hooks.Director
	run      *run
}

// Epoch returns the replay's time 0, since 1970. It is known when the first
// method of the Observer that tells of a time is called.
func (w World) Epoch() time.Duration { return w.run.base }

// MAC returns the Ethernet address of an interface, as it is now; zero where
// there is none.
func (w World) MAC(name string) [6]byte { return w.run.macs[name] }

// Time converts a time on the host's and the director's clock to the replay's.
func (w World) Time(t time.Duration) time.Duration { return t + w.run.skipped }

// Quiet is an Observer that looks at nothing, for those to embed that look at
// some of it.
type Quiet struct{}

// Interface implements Observer.
func (Quiet) Interface(int, CaptureIf) {}

// Input implements Observer.
func (Quiet) Input(*Frame, int) {}

// Handled implements Observer.
func (Quiet) Handled(error) {}

// Output implements Observer.
func (Quiet) Output(int, time.Duration, []byte) {}

// Begin implements Observer.
func (Quiet) Begin(setup.Line) {}

// Command implements Observer.
func (Quiet) Command(setup.Line, error) {}

// Listing implements Observer.
func (Quiet) Listing(Listing) {}

// Why a frame is passed over.
var (
	ErrCut      = errors.New("the capture has only its beginning")
	ErrOutgoing = errors.New("sent by the captured host itself, or too short")
)

// Listing is what an ipvsadm command printed.
type Listing struct {
	File    string        // of a recorded case: list.txt, conns.txt, stats.txt, shows.txt
	At      time.Duration // on the replay's clock
	Command string
	Text    string
}

// The files of listings.
const (
	ListFile  = "list.txt"
	ConnsFile = "conns.txt"
	StatsFile = "stats.txt"
	ShowsFile = "shows.txt"
)

// statsDelay is how long after the end the statistics are listed: the kernel
// refreshes its figures every 2 s. Nobody captures meanwhile: what a timer sends
// then is no output.
const statsDelay = 2300 * time.Millisecond

// Report is what a replay has to say beside its output.
type Report struct {
	Interfaces []IfaceReport
	Cut        int // frames passed over: the capture has only their beginning
	Backwards  int // frames earlier than the one before: taken to come with it
	Outgoing   int // frames passed over: the captured host sent them itself
	Refused    map[string]int
	Failed     []error // commands of the timeline
}

// IfaceReport counts an interface's frames.
type IfaceReport struct {
	CaptureIf
	In, Out int
	NotOurs int // of In: to another station's Ethernet address
}

// Run replays. Errors are bad input, of setup or capture; a command of the
// timeline that fails is none.
func Run(c Config, o Observer) (*Report, error) {
	r := &run{Config: c, out: o, report: &Report{Refused: map[string]int{}}, index: map[string]int{}}
	if r.maxGap == 0 {
		r.maxGap = longestGap
	}
	r.machine = newMachine(r, c.Listener, c.Kernel)
	if c.Made != nil {
		c.Made(World{Host: r.host, Director: r.dir, run: r})
	}
	first, err := c.Capture.Next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	if first != nil && c.FromFirst && first.Time > 24*time.Hour {
		r.base = first.Time
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	for f := first; f != nil; {
		if err := r.frame(f); err != nil {
			return nil, err
		}
		if f, err = c.Capture.Next(); err != nil && err != io.EOF {
			return nil, err
		}
	}
	r.finish()
	return r.report, nil
}

// run is a replay under way.
type run struct {
	Config
	*machine
	out      Observer
	report   *Report
	base     time.Duration  // of the clock, since 1970
	now      time.Duration  // on the clock
	skipped  time.Duration  // what the host's clock is behind
	stamp    time.Duration  // of output, on the clock
	timeline []setup.Line   // what is left of it
	index    map[string]int // of output interfaces by name
	ifaces   []int          // output interface by the capture's
	over     bool           // what is sent now is no output
	buf      []byte
}

// start makes the interfaces and runs the setup.
func (r *run) start() error {
	r.timeline = r.Timeline
	if err := r.newInterfaces(); err != nil {
		return err
	}
	if r.Implied {
		for _, name := range setup.Interfaces(r.Setup) {
			if err := r.declare(name); err != nil {
				return err
			}
		}
	}
	r.local()
	return setup.Run(r.Setup, r, io.Discard)
}

// newInterfaces makes the interfaces that the capture has named by now.
func (r *run) newInterfaces() error {
	for _, i := range r.Capture.Interfaces()[len(r.ifaces):] {
		if err := i.Link.known(); err != nil {
			return fmt.Errorf("%s: interface %q: %w", r.Capture.file, i.Name, err)
		}
		name, err := r.name(i)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Capture.file, err)
		}
		if name == LocalName {
			if !i.Link.raw() {
				return fmt.Errorf("%s: interface %q: link type %d is not raw IP", r.Capture.file, i.Name, i.Link)
			}
			r.local()
		} else if err := r.declare(name); err != nil {
			return err
		}
		r.ifaces = append(r.ifaces, r.index[name])
	}
	return nil
}

// name returns the name of a captured interface.
func (r *run) name(i CaptureIf) (string, error) {
	switch {
	case i.Name != "" && i.Name != "any":
		return i.Name, nil
	case r.Iface != "":
		return r.Iface, nil
	}
	if names := setup.Interfaces(r.Setup); len(names) == 1 {
		return names[0], nil
	}
	return "", errors.New("the capture names no interface: say --iface NAME")
}

// declare makes an Ethernet interface, unless it is there.
func (r *run) declare(name string) error {
	if _, ok := r.index[name]; ok {
		return nil
	}
	if err := r.addEthernet(name); err != nil {
		return fmt.Errorf("interface %q: %w", name, err)
	}
	r.add(CaptureIf{name, LinkEthernet})
	return nil
}

// local declares the processes of the host, unless that is done.
func (r *run) local() {
	if _, ok := r.index[LocalName]; !ok {
		r.add(CaptureIf{LocalName, LinkRaw})
	}
}

func (r *run) add(i CaptureIf) {
	n := len(r.report.Interfaces)
	r.index[i.Name] = n
	r.report.Interfaces = append(r.report.Interfaces, IfaceReport{CaptureIf: i})
	r.out.Interface(n, i)
}

// frame feeds a frame, after what is due before it.
func (r *run) frame(f *Frame) error {
	if err := r.newInterfaces(); err != nil {
		return err
	}
	at := f.Time - r.base
	if at < r.now {
		r.report.Backwards++
		at = r.now
		f.Time = at + r.base
	}
	r.until(at)
	link := r.Capture.Interfaces()[f.If].Link
	n := r.ifaces[f.If]
	i := &r.report.Interfaces[n]
	i.In++
	r.stamp = at
	if f.Len > len(f.Data) {
		r.report.Cut++
		r.out.Input(f, n)
		r.out.Handled(ErrCut)
		return nil
	}
	var err error
	if i.Name == LocalName {
		r.out.Input(f, n)
		err = r.host.SendLocal(f.Data, at-r.skipped)
	} else {
		mac := r.macs[i.Name]
		frame, ok := link.ethernet(f.Data, mac, r.buf[:0])
		if !ok {
			r.report.Outgoing++
			r.out.Input(f, n)
			r.out.Handled(ErrOutgoing)
			return nil
		}
		if link != LinkEthernet {
			r.buf = frame
		}
		if len(frame) >= sizeEthernet && frame[0]&1 == 0 && [6]byte(frame) != mac {
			i.NotOurs++
		}
		r.out.Input(f, n)
		err = r.host.Receive(i.Name, frame, at-r.skipped)
	}
	r.out.Handled(err)
	if err != nil {
		r.report.Refused[err.Error()]++
	}
	return nil
}

// until moves the clock to at and runs the commands of the timeline that are
// due by then.
func (r *run) until(at time.Duration) {
	for len(r.timeline) > 0 && r.timeline[0].At <= at {
		l := r.timeline[0]
		r.timeline = r.timeline[1:]
		r.pass(max(l.At, r.now))
		next := at
		if len(r.timeline) > 0 {
			next = min(next, r.timeline[0].At)
		}
		r.command(l, next)
	}
	r.pass(at)
}

// How far the clock moves at once while reassembly queues may expire, which
// they do within a minute, with ICMP errors at the time that it is then.
const (
	step      = time.Second
	stepsSpan = 61 * time.Second
)

// longestGap is as long as no timer of a connection runs, with timeouts as long as
// ipvsadm has them (31 days). Of longer gaps, as where a clock was set, the
// host sees this much.
const longestGap = 32 * 24 * time.Hour

// pass lets time pass, to at. What leaves the host meanwhile does so before
// that.
func (r *run) pass(at time.Duration) {
	for end := r.now + stepsSpan; r.now+step < at && r.now < end; {
		r.now += step
		r.stamp = r.now
		r.advance(r.now - r.skipped)
	}
	if gap := at - r.now; gap > r.maxGap {
		r.skipped += gap - r.maxGap
	}
	r.stamp = max(at-1, r.stamp)
	r.now = at
	r.advance(at - r.skipped)
	r.stamp = at
}

// command runs a command of the timeline, before the next thing happens.
func (r *run) command(l setup.Line, next time.Duration) {
	if c, ok := l.Command.(setup.IPVSAdm); ok && c.Lists() {
		r.pass(max(r.now, min(r.now+r.ListingDelay, next-1)))
		r.out.Listing(Listing{ShowsFile, l.At, l.Text, r.list(c.Args...)})
		return
	}
	r.out.Begin(l)
	err := l.Run(r, io.Discard)
	if err != nil {
		r.report.Failed = append(r.report.Failed, err)
	}
	r.out.Command(l, err)
}

// finish runs what is left of the timeline and takes the listings at the end.
func (r *run) finish() {
	end := max(r.End, r.now)
	if n := len(r.timeline); n > 0 {
		end = max(end, r.timeline[n-1].At)
	}
	r.until(max(r.ConnsAt, end) + r.ListingDelay)
	r.listing(ConnsFile, "-Lnc")
	r.listing(ListFile, "-Ln")
	r.over = true
	r.pass(r.now + statsDelay)
	r.listing(StatsFile, "-Ln", "--stats", "--exact")
}

func (r *run) listing(file string, args ...string) {
	r.out.Listing(Listing{file, r.now, setup.IPVSAdm{Args: args}.String(), r.list(args...)})
}

// Frame implements host.Sink.
func (r *run) Frame(ifname string, frame []byte) { r.output(ifname, frame) }

// Local implements host.Sink.
func (r *run) Local(datagram []byte) { r.output(LocalName, datagram) }

func (r *run) output(name string, data []byte) {
	n, ok := r.index[name]
	if !ok || r.over {
		return
	}
	r.report.Interfaces[n].Out++
	r.out.Output(n, r.base+r.stamp, data)
}

var _ host.Sink = (*run)(nil)
