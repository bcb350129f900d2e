package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

const corpus = "../../testdata/corpus"

// kept is a Frame that owns its data.
type kept struct {
	If   int
	Time time.Duration
	Data string
	Len  int
}

// readAll reads a capture to its end, or to its first error.
func readAll(b []byte) (ifs []CaptureIf, frames []kept, err error) {
	c, err := NewCapture("x.pcap", bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	for {
		f, err := c.Next()
		if err == io.EOF {
			return c.Interfaces(), frames, nil
		}
		if err != nil {
			return c.Interfaces(), frames, err
		}
		frames = append(frames, kept{f.If, f.Time, string(f.Data), f.Len})
	}
}

// TestCaptureCorpus reads recordings and writes them again, octet for octet.
func TestCaptureCorpus(t *testing.T) {
	files, err := filepath.Glob(corpus + "/*/*.pcapng")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ifs, frames, err := readAll(want)
		if err != nil {
			t.Error(file, err)
			continue
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, i := range ifs {
			w.AddInterface(i)
		}
		for _, f := range frames {
			w.Write(f.If, f.Time, []byte(f.Data), "")
		}
		if w.Err() != nil || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: written otherwise (%v)", file, w.Err())
		}
	}
}

// pcapFile builds a pcap file with two frames.
func pcapFile(order byteOrder, magic uint32, link uint32) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	for _, x := range []uint32{0, 0, 65535, link} {
		b = order.AppendUint32(b, x)
	}
	for _, x := range []uint32{10, 5, 4, 4} {
		b = order.AppendUint32(b, x)
	}
	b = append(b, "abcd"...)
	for _, x := range []uint32{11, 6, 2, 60} {
		b = order.AppendUint32(b, x)
	}
	return append(b, "ef"...)
}

func TestCapturePcap(t *testing.T) {
	want := func(tick time.Duration) []kept {
		return []kept{{0, 10*time.Second + 5*tick, "abcd", 4}, {0, 11*time.Second + 6*tick, "ef", 60}}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(pcapFile(binary.LittleEndian, 0xa1b23c4d, 101)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		file []byte
		link LinkType
		tick time.Duration
	}{
		{"little endian, microseconds", pcapFile(binary.LittleEndian, 0xa1b2c3d4, 1), LinkEthernet, time.Microsecond},
		{"little endian, nanoseconds", pcapFile(binary.LittleEndian, 0xa1b23c4d, 276), LinkSLL2, time.Nanosecond},
		{"big endian, microseconds", pcapFile(binary.BigEndian, 0xa1b2c3d4, 12), LinkRawBSD, time.Microsecond},
		{"big endian, nanoseconds", pcapFile(binary.BigEndian, 0xa1b23c4d, 113), LinkSLL, time.Nanosecond},
		{"with FCS length", pcapFile(binary.BigEndian, 0xa1b23c4d, 0x14000001), LinkEthernet, time.Nanosecond},
		{"gzipped", zipped.Bytes(), LinkRaw, time.Nanosecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ifs, frames, err := readAll(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]CaptureIf{{Link: tt.link}}, ifs); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(want(tt.tick), frames); d != "" {
				t.Error(d)
			}
		})
	}
}

// byteOrder is either byte order.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// ngBlock builds a pcapng block.
func ngBlock(order byteOrder, typ uint32, body ...any) []byte {
	var b []byte
	for _, x := range body {
		b, _ = binary.Append(b, order, x)
	}
	n := uint32(len(b) + 12)
	return order.AppendUint32(append(order.AppendUint32(order.AppendUint32(nil, typ), n), b...), n)
}

func ngSection(order byteOrder) []byte {
	return ngBlock(order, blockSection, uint32(byteOrderMagic), uint16(1), uint16(0), int64(-1))
}

func TestCapturePcapng(t *testing.T) {
	be, le := binary.BigEndian, binary.LittleEndian
	name := func(order byteOrder, link uint16, name string, resol ...byte) []byte {
		body := []any{link, uint16(0), uint32(3), uint16(optIfName), uint16(len(name)), []byte(name), make([]byte, -len(name)&3)}
		if len(resol) > 0 {
			body = append(body, uint16(optTSResol), uint16(1), []byte{resol[0], 0, 0, 0})
		}
		if len(resol) > 1 {
			body = append(body, uint16(optTSOffset), uint16(8), int64(resol[1]))
		}
		return ngBlock(order, blockInterface, body...)
	}
	packet := func(order byteOrder, iface uint32, ticks uint64, wire uint32, data string) []byte {
		return ngBlock(order, blockEnhanced, iface, uint32(ticks>>32), uint32(ticks), uint32(len(data)), wire,
			[]byte(data), make([]byte, -len(data)&3), uint32(optEnd))
	}
	file := bytes.Join([][]byte{
		ngSection(be),
		name(be, 1, "eth0"),
		ngBlock(be, 4, []byte("name resolution!")),
		name(be, 101, "local", 9),
		packet(be, 0, 1_500_000, 5, "abcde"),
		packet(be, 1, 1_600_000_000, 99, "fgh"),
		ngBlock(be, blockSimple, uint32(9), []byte("ijk\x00")),
		ngBlock(be, blockPacket, uint16(0), uint16(7), uint32(0), uint32(1_700_000), uint32(1), uint32(1), []byte("l\x00\x00\x00")),
		ngSection(le),
		name(le, 1, "eth1", 0x80|10, 2),
		name(le, 1, "eth0"),
		packet(le, 0, 512, 1, "m"),
		packet(le, 1, 3_000_001, 1, "n"),
		name(le, 1, "eth0"),
		packet(le, 2, 3_000_002, 1, "o"),
	}, nil)
	ifs, frames, err := readAll(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]CaptureIf{{"eth0", 1}, {"local", 101}, {"eth1", 1}, {"eth0", 1}}, ifs); d != "" {
		t.Error(d)
	}
	want := []kept{
		{0, 1500 * time.Millisecond, "abcde", 5},
		{1, 1600 * time.Millisecond, "fgh", 99},
		{0, 1600 * time.Millisecond, "ijk", 9},
		{0, 1700 * time.Millisecond, "l", 1},
		{2, 2500 * time.Millisecond, "m", 1},
		{0, 3000001 * time.Microsecond, "n", 1},
		{3, 3000002 * time.Microsecond, "o", 1},
	}
	if d := cmp.Diff(want, frames); d != "" {
		t.Error(d)
	}
}

func TestCaptureErrors(t *testing.T) {
	le := binary.LittleEndian
	iface := ngBlock(le, blockInterface, uint16(1), uint16(0), uint32(0))
	ng := func(blocks ...[]byte) []byte { return append(ngSection(le), bytes.Join(blocks, nil)...) }
	pcap := pcapFile(le, 0xa1b2c3d4, 1)
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "x.pcap: neither pcap nor pcapng"},
		{"text", []byte("#!/bin/sh\nip link set eth0 up"), "x.pcap: neither pcap nor pcapng"},
		{"header cut", pcap[:23], "x.pcap: neither pcap nor pcapng"},
		{"record header cut", pcap[:len(pcap)-3], "x.pcap: packet 2: the file ends in the middle"},
		{"data cut", pcap[:len(pcap)-1], "x.pcap: packet 2: the file ends in the middle"},
		{"data too long", append(pcapFile(le, 0xa1b2c3d4, 1), 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255), "x.pcap: packet 3: damaged: 4294967295 octets in a frame"},
		{"section cut", ngSection(le)[:20], "x.pcap: packet 1: the file ends in the middle"},
		{"block cut", ng(iface[:9]), "x.pcap: packet 1: the file ends in the middle"},
		{"no byte order", ngBlock(le, blockSection, uint32(1), uint16(1), uint16(0), int64(-1)), "x.pcap: packet 1: damaged: a section without byte order"},
		{"version", ngBlock(le, blockSection, uint32(byteOrderMagic), uint16(2), uint16(0), int64(-1)), "x.pcap: packet 1: pcapng version 2.0"},
		{"block length", ng([]byte{1, 0, 0, 0, 7, 0, 0, 0}), "x.pcap: packet 1: damaged: a block of 7 octets"},
		{"trailer", ng(iface[:16], []byte{9, 0, 0, 0}), "x.pcap: packet 1: damaged: a block of 20 octets ends as one of 9"},
		{"no interface", ng(ngBlock(le, blockEnhanced, make([]byte, 20))), "x.pcap: packet 1: damaged: interface 0 is not described"},
		{"simple without interface", ng(ngBlock(le, blockSimple, uint32(0))), "x.pcap: packet 1: damaged: interface 0 is not described"},
		{"data longer than block", ng(iface, ngBlock(le, blockEnhanced, uint32(0), uint64(0), uint32(5), uint32(5), uint32(0))), "x.pcap: packet 1: damaged: 5 octets of a frame in a block of 4"},
		{"option longer than block", ng(ngBlock(le, blockInterface, uint16(1), uint16(0), uint32(0), uint16(2), uint16(9), uint32(0))), "x.pcap: packet 1: damaged: an option longer than its block"},
		{"resolution", ng(ngBlock(le, blockInterface, uint16(1), uint16(0), uint32(0), uint16(9), uint16(1), uint32(0xc0))), "x.pcap: packet 1: damaged: timestamp resolution 0xc0"},
		{"time", ng(ngBlock(le, blockInterface, uint16(1), uint16(0), uint32(0), uint16(9), uint16(1), uint32(0)), ngBlock(le, blockEnhanced, uint32(0), uint64(1<<31), uint32(0), uint32(0))), "x.pcap: packet 1: damaged: a time of -9223372036854775808 s since 1970"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := readAll(tt.file)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestWriterForOthers has another reader read what Writer writes.
func TestWriterForOthers(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.AddInterface(CaptureIf{"eth0", LinkEthernet})
	w.AddInterface(CaptureIf{"local", LinkRaw})
	w.Write(1, 1234567890123456789, []byte("abcde"), "a comment")
	w.Write(0, 5, nil, "")
	r, err := pcapgo.NewNgReader(&out, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	data, ci, err := r.ReadPacketData()
	want := gopacket.CaptureInfo{
		Timestamp: time.Unix(0, 1234567890123456789).UTC(), CaptureLength: 5, Length: 5, InterfaceIndex: 1,
		AncillaryData: []any{layers.LinkTypeRaw},
	}
	if d := cmp.Diff(want, ci); d != "" || string(data) != "abcde" || err != nil {
		t.Errorf("%q, %v, %s", data, err, d)
	}
	if i, err := r.Interface(1); err != nil || i.Name != "local" {
		t.Errorf("%v, %v", i, err)
	}
	if data, ci, err = r.ReadPacketData(); len(data) != 0 || ci.InterfaceIndex != 0 || err != nil {
		t.Errorf("%q, %v, %v", data, ci, err)
	}
}

// FuzzCapture reads any file: it ends, with whole frames or an error that names
// the file, and what could be read and is written again reads the same.
func FuzzCapture(f *testing.F) {
	f.Add(pcapFile(binary.LittleEndian, 0xa1b2c3d4, 1))
	f.Add(pcapFile(binary.BigEndian, 0xa1b23c4d, 101))
	f.Add(append(ngSection(binary.LittleEndian), append(ngBlock(binary.LittleEndian, blockInterface, uint16(1), uint16(0), uint32(0)),
		ngBlock(binary.LittleEndian, blockEnhanced, uint32(0), uint64(0), uint32(4), uint32(4), uint32(0))...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		ifs, frames, err := readAll(b)
		if err != nil && !strings.HasPrefix(err.Error(), "x.pcap: ") {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, i := range ifs {
			w.AddInterface(i)
		}
		for i := range frames {
			frames[i].Len = len(frames[i].Data)
			w.Write(frames[i].If, frames[i].Time, []byte(frames[i].Data), "")
		}
		ifs2, frames2, err := readAll(out.Bytes())
		if err != nil || !cmp.Equal(frames, frames2) || len(ifs) != len(ifs2) {
			t.Fatalf("%v: %v, read again %v", err, frames, frames2)
		}
	})
}
