package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"
)

// maxDifferences is how many different frames Compare looks for on an
// interface: one difference makes many.
const maxDifferences = 5

// Compare compares a folder of output with what was recorded in the case, and
// returns the differences, each a text of a line or a few. Output that the case
// has no recording of is not looked at, nor a listing that the folder lacks.
//
// Frames are compared per interface, in order, octet by octet after the masks
// of meta.json; and each lies between the same two frames of the input.
// Listings are compared as tables, whose order means nothing; times of expiry
// within 3 s.
func (c *Case) Compare(dir string) ([]string, error) {
	var all []string
	if c.has(OutFile) {
		d, err := c.compareFrames(filepath.Join(dir, OutFile))
		if err != nil {
			return nil, err
		}
		all = d
	}
	for _, f := range []string{ListFile, ConnsFile, StatsFile} {
		want, got, err := c.both(dir, f)
		if err != nil {
			return nil, err
		}
		if want == nil || got == nil || slices.Contains(c.Meta.Unstable, f[:len(f)-len(".txt")]) {
			continue
		}
		all = append(all, compareListing(f, f == ConnsFile, string(want), string(got))...)
	}
	want, got, err := c.both(dir, ShowsFile)
	if err != nil {
		return nil, err
	}
	if want != nil {
		all = append(all, compareShows(string(want), string(got))...)
	}
	return all, nil
}

// both reads a file of the case and of the folder; nil where there is none.
func (c *Case) both(dir, file string) (want, got []byte, err error) {
	if want, err = os.ReadFile(filepath.Join(c.Dir, file)); err == nil {
		got, err = os.ReadFile(filepath.Join(dir, file))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, plain(err)
	}
	return want, got, nil
}

// captured is a frame of an interface, kept.
type captured struct {
	at   time.Duration
	data []byte
}

// recording is a capture in memory, by interface.
type recording struct {
	order  []CaptureIf
	frames map[string][]captured
}

func readRecording(file string) (*recording, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	c, err := NewCapture(file, f)
	if err != nil {
		return nil, err
	}
	r := &recording{frames: map[string][]captured{}}
	for {
		f, err := c.Next()
		if err == io.EOF {
			r.order = c.Interfaces()
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		n := c.Interfaces()[f.If].Name
		r.frames[n] = append(r.frames[n], captured{f.Time, bytes.Clone(f.Data)})
	}
}

// times returns the times of all frames, ascending.
func (r *recording) times() []time.Duration {
	var all []time.Duration
	for _, fs := range r.frames {
		for _, f := range fs {
			all = append(all, f.at)
		}
	}
	slices.Sort(all)
	return all
}

// fragmentIDs returns the identifications in the IPv6 fragment headers.
func (r *recording) fragmentIDs() map[uint32]bool {
	all := map[uint32]bool{}
	for _, i := range r.order {
		for _, f := range r.frames[i.Name] {
			if d := dissect(datagram(f.data, i.Link)); d.fragment {
				all[d.id] = true
			}
		}
	}
	return all
}

// datagram returns what a frame carries.
func datagram(frame []byte, link LinkType) []byte {
	if link == LinkEthernet {
		return frame[min(sizeEthernet, len(frame)):]
	}
	return frame
}

// epoch returns how many inputs lie before a frame of the output.
func epoch(inputs []time.Duration, at time.Duration) int {
	return sort.Search(len(inputs), func(i int) bool { return inputs[i] > at })
}

func (c *Case) compareFrames(file string) ([]string, error) {
	in, err := readRecording(filepath.Join(c.Dir, InFile))
	if err != nil {
		return nil, err
	}
	want, err := readRecording(filepath.Join(c.Dir, OutFile))
	if err != nil {
		return nil, err
	}
	got, err := readRecording(file)
	if err != nil {
		return nil, err
	}
	masks := map[string]map[int][]string{}
	for _, m := range c.Meta.Mask {
		if masks[m.If] == nil {
			masks[m.If] = map[int][]string{}
		}
		masks[m.If][m.N] = m.Fields
	}
	ifs := slices.Clone(want.order)
	for _, i := range got.order {
		if !slices.ContainsFunc(ifs, func(x CaptureIf) bool { return x.Name == i.Name }) {
			ifs = append(ifs, i)
		}
	}
	var all []string
	inputs, ids := in.times(), in.fragmentIDs()
	for _, i := range ifs {
		x := comparison{CaptureIf: i, gue: c.Meta.GUEPort, masks: masks[i.Name], inputs: inputs, ids: ids}
		all = append(all, x.compare(want.frames[i.Name], got.frames[i.Name])...)
	}
	return all, nil
}

// comparison compares the frames of an interface.
type comparison struct {
	CaptureIf
	gue    uint16
	masks  map[int][]string
	inputs []time.Duration
	ids    map[uint32]bool
}

func (x *comparison) compare(want, got []captured) (all []string) {
	for k := range max(len(want), len(got)) {
		if k >= len(want) || k >= len(got) {
			f, who := captured{}, "missing"
			if k < len(want) {
				f = want[k]
			} else {
				f, who = got[k], "not expected"
			}
			all = append(all, fmt.Sprintf("%s frame %d at %.6f, after input %d: %s\n    %s",
				x.Name, k+1, f.at.Seconds(), epoch(x.inputs, f.at), who, Describe(f.data, x.Link, x.gue)))
			break
		}
		w, g := want[k], got[k]
		if a, b := epoch(x.inputs, w.at), epoch(x.inputs, g.at); a != b {
			all = append(all, fmt.Sprintf("%s frame %d comes after input %d: want after %d\n    %s",
				x.Name, k+1, b, a, Describe(w.data, x.Link, x.gue)))
		}
		fields := x.fields(k, w.data)
		a, b := masked(w.data, x.Link, fields), masked(g.data, x.Link, fields)
		if !bytes.Equal(a, b) {
			note := ""
			if len(fields) > 0 {
				note = fmt.Sprintf(" (but for %v)", fields)
			}
			all = append(all, fmt.Sprintf("%s frame %d at %.6f, after input %d, differs%s\n    want %s\n    got  %s\n    %s",
				x.Name, k+1, w.at.Seconds(), epoch(x.inputs, w.at), note,
				Describe(w.data, x.Link, x.gue), Describe(g.data, x.Link, x.gue), firstDifference(a, b)))
		}
		if len(all) >= maxDifferences {
			break
		}
	}
	return all
}

// fields returns what is masked in the k-th frame, from 0: what the recording says
// and, in a GUE packet, the source port in any case. A recording leaves that out
// where somebody else sends UDP between the same addresses. It leaves out, too,
// what an ICMPv6 error quotes of a fragment that the director cut itself, and an IPv4 error of the director's
// that went into a tunnel of IPv6.
func (x *comparison) fields(k int, frame []byte) []string {
	fields := x.masks[k+1]
	d := dissect(datagram(frame, x.Link))
	if x.gue != 0 && d.kind == l4UDP && d.dport == x.gue && !slices.Contains(fields, "udp.sport") {
		fields = append(slices.Clone(fields), "udp.sport")
	}
	if d.v == 6 && d.inner != nil && d.kind != l4ICMP {
		fields = append(slices.Clone(fields), ownErrorID)
	}
	if d.v == 6 && d.kind == l4ICMP && d.inner != nil {
		if in := dissect(d.inner); in.fragment && !x.ids[in.id] {
			fields = append(slices.Clone(fields), quotedFragID)
		}
	}
	return fields
}
