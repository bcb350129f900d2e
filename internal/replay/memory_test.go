package replay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"goipvs/internal/setup"
	"goipvs/packet"
)

// discard is an Observer that writes output to nowhere and samples the heap.
type discard struct {
	Quiet
	*Writer
	out     int
	heap    uint64 // after the first tenth of the frames
	largest uint64
	tenth   int
}

func (d *discard) Interface(_ int, i CaptureIf) { d.AddInterface(i) }

func (d *discard) Input(f *Frame, _ int) {
	if f.N%(d.tenth/4) != 0 {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if f.N <= d.tenth {
		d.heap = max(d.heap, m.HeapSys)
	}
	d.largest = max(d.largest, m.HeapSys)
}

func (d *discard) Output(iface int, at time.Duration, frame []byte) {
	d.out++
	d.Write(iface, at, frame, "")
}

// TestMemory streams a capture of 100 MB through a director. The heap does not
// grow with it.
func TestMemory(t *testing.T) {
	const frames, size = 80_000, 1250
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe, 8, 0}, make([]byte, size-14)...)
	ip := frame[14:]
	copy(ip, []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 51, 100, 1, 203, 0, 113, 10})
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	packet.SetIPv4Checksum(ip, 0)
	binary.BigEndian.PutUint16(ip[22:], 53)
	binary.BigEndian.PutUint16(ip[24:], uint16(len(ip)-20))

	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := bufio.NewWriter(w)
		p := NewWriter(b)
		p.AddInterface(CaptureIf{"eth0", LinkEthernet})
		for n := range frames {
			binary.BigEndian.PutUint16(ip[20:], uint16(1024+n%64))
			p.Write(0, time.Duration(n)*100*time.Microsecond, frame, "")
		}
		w.CloseWithError(errors.Join(p.Err(), b.Flush())) // nil: the end of the file
	}()
	defer func() { r.Close(); <-done }()

	lines, err := setup.Parse("setup.sh", strings.NewReader(`
ip link set eth0 address 02:00:00:00:00:01 up
ip addr add 192.0.2.1/24 dev eth0
ip addr add 203.0.113.10/32 dev eth0
ip neigh add 192.0.2.11 lladdr 02:00:00:00:01:0b dev eth0
sysctl -w net.ipv4.ip_forward=1
ipvsadm -A -u 203.0.113.10:53 -s rr
ipvsadm -a -u 203.0.113.10:53 -r 192.0.2.11 -m
`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCapture("pipe", r)
	if err != nil {
		t.Fatal(err)
	}
	d := &discard{Writer: NewWriter(io.Discard), tenth: frames / 10}
	if _, err := Run(Config{Setup: lines, Capture: c}, d); err != nil {
		t.Fatal(err)
	}
	if d.out != frames {
		t.Errorf("%d of %d frames came out", d.out, frames)
	}
	if grown := d.largest - d.heap; grown > 16<<20 {
		t.Errorf("the heap grew from %d to %d octets", d.heap, d.largest)
	}
	t.Logf("heap %d octets, %d after a tenth of the frames", d.largest, d.heap)
}
