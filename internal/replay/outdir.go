package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The files of a recorded case beside its listings.
const (
	SetupFile    = "setup.sh"
	TimelineFile = "timeline.sh"
	InFile       = "in.pcapng"
	OutFile      = "out.pcapng"
	MetaFile     = "meta.json"
)

// OutDir is an Observer that writes a folder in the form of recorded cases:
// out.pcapng while it goes, and the listings.
type OutDir struct {
	Quiet
	dir   string
	file  *os.File
	buf   *bufio.Writer
	pcap  *Writer
	shows *os.File
	err   error
}

var _ Observer = (*OutDir)(nil)

// NewOutDir makes the folder, where need be, and starts its out.pcapng. What
// an earlier run left there is replaced.
func NewOutDir(dir string) (*OutDir, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(dir, ShowsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, OutFile))
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(f, 64<<10)
	return &OutDir{dir: dir, file: f, buf: buf, pcap: NewWriter(buf)}, nil
}

// Interface implements Observer.
func (o *OutDir) Interface(_ int, i CaptureIf) { o.pcap.AddInterface(i) }

// Output implements Observer.
func (o *OutDir) Output(iface int, at time.Duration, frame []byte) {
	o.pcap.Write(iface, at, frame, "")
}

// Listing implements Observer.
func (o *OutDir) Listing(l Listing) {
	if l.File != ShowsFile {
		o.keep(os.WriteFile(filepath.Join(o.dir, l.File), []byte(l.Text), 0o666))
		return
	}
	gap := "\n"
	if o.shows == nil {
		f, err := os.Create(filepath.Join(o.dir, ShowsFile))
		o.keep(err)
		if err != nil {
			return
		}
		o.shows, gap = f, ""
	}
	_, err := fmt.Fprintf(o.shows, "%s# at %.6f %s\n%s", gap, l.At.Seconds(), l.Command, l.Text)
	o.keep(err)
}

func (o *OutDir) keep(err error) {
	if o.err == nil {
		o.err = err
	}
}

// Close ends the files. It returns the first error of writing any of them.
func (o *OutDir) Close() error {
	o.keep(o.pcap.Err())
	o.keep(o.buf.Flush())
	o.keep(o.file.Close())
	if o.shows != nil {
		o.keep(o.shows.Close())
	}
	return o.err
}
