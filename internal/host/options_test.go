package host

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

// withOptions makes an IPv4 datagram with options.
func withOptions(src, dst string, opts []byte, n int) []byte {
	b := udp4(src, dst, n)
	opts = append(slices.Clone(opts), make([]byte, -len(opts)&3)...)
	b = slices.Insert(b, packet.SizeIPv4, opts...)
	b[0] = 0x45 + byte(len(opts)/4)
	b[2], b[3] = byte(len(b)>>8), byte(len(b))
	packet.SetIPv4Checksum(b, 0)
	return b
}

func TestOptions(t *testing.T) {
	const none = -1
	room := func(addr ...byte) []byte { return append([]byte{7, 7, 8}, addr...) }
	stamp := []byte{0, 0, 0x03, 0xe8} // a second after midnight
	join := func(bs ...[]byte) []byte { return slices.Concat(bs...) }
	tests := []struct {
		name    string
		in      []byte
		local   []byte // as delivered
		forward []byte // as forwarded
		problem int    // offset, or none
	}{
		{"nothing", []byte{1, 1, 1, 0}, []byte{1, 1, 1, 0}, []byte{1, 1, 1, 0}, none},
		{"rubbish behind the end", []byte{0, 1, 2, 3}, []byte{0, 0, 0, 0}, []byte{0, 0, 0, 0}, none},
		{"router alert", []byte{148, 4, 0, 0}, []byte{148, 4, 0, 0}, []byte{148, 4, 0, 0}, none},
		{"record route", []byte{7, 7, 4, 0, 0, 0, 0, 0}, join(room(203, 0, 113, 10), []byte{0}), join(room(10, 1, 0, 1), []byte{0}), none},
		{"record route, full", []byte{7, 7, 8, 9, 9, 9, 9, 0}, []byte{7, 7, 8, 9, 9, 9, 9, 0}, []byte{7, 7, 8, 9, 9, 9, 9, 0}, none},
		{"record route, a bad pointer", []byte{7, 7, 3, 0, 0, 0, 0, 0}, nil, nil, 22},
		{"record route, no room for an address", []byte{7, 6, 4, 0, 0, 0, 0, 0}, nil, nil, 22},
		{"two record routes", []byte{7, 3, 4, 7, 3, 4, 0, 0}, nil, nil, 23},
		{"times", []byte{68, 8, 5, 0, 0, 0, 0, 0}, join([]byte{68, 8, 9, 0}, stamp), join([]byte{68, 8, 9, 0}, stamp), none},
		{"times with addresses", []byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, join([]byte{68, 12, 13, 1, 203, 0, 113, 10}, stamp), join([]byte{68, 12, 13, 1, 192, 0, 2, 1}, stamp), none},
		{"a time from this host", []byte{68, 12, 5, 3, 10, 1, 0, 1, 0, 0, 0, 0}, join([]byte{68, 12, 13, 3, 10, 1, 0, 1}, stamp), join([]byte{68, 12, 13, 3, 10, 1, 0, 1}, stamp), none},
		{"a time from another", []byte{68, 12, 5, 3, 8, 8, 8, 8, 0, 0, 0, 0}, []byte{68, 12, 5, 3, 8, 8, 8, 8, 0, 0, 0, 0}, []byte{68, 12, 5, 3, 8, 8, 8, 8, 0, 0, 0, 0}, none},
		{"no room for a time", []byte{68, 4, 5, 0}, []byte{68, 4, 5, 0x10}, []byte{68, 4, 5, 0x10}, none},
		{"no room, fifteen times", []byte{68, 4, 5, 0xf0}, nil, nil, 23},
		{"a security label", []byte{134, 8, 0, 0, 0, 1, 0, 0}, nil, nil, 22},
		{"longer than the header", []byte{99, 9, 0, 0}, nil, nil, 20},
		{"length one", []byte{99, 1, 0, 0}, nil, nil, 20},
		{"length cut off", []byte{1, 1, 1, 99}, nil, nil, 23},
		{"source route", []byte{131, 7, 4, 10, 1, 0, 11, 0}, nil, nil, none},
		{"unknown", []byte{99, 4, 1, 2}, []byte{99, 4, 1, 2}, []byte{99, 4, 1, 2}, none},
	}
	for _, tt := range tests {
		for dst, want := range map[string][]byte{"203.0.113.10": tt.local, "10.1.0.11": tt.forward} {
			w := newWorld(t)
			got := w.in("eth0", withOptions("198.51.100.1", dst, tt.in, 8))
			switch {
			case tt.problem != none:
				b := w.raw[0]
				ihl := int(b[0]&0xf) * 4
				if len(got) != 1 || b[ihl] != icmpParameterProblem || int(b[ihl+4]) != tt.problem {
					t.Errorf("%s to %s: %q, want a parameter problem at %d", tt.name, dst, got, tt.problem)
				}
			case want == nil:
				if got != nil {
					t.Errorf("%s to %s: %q", tt.name, dst, got)
				}
			default:
				if len(got) != 1 {
					t.Fatalf("%s to %s: %q", tt.name, dst, got)
				}
				b := w.raw[0]
				if diff := cmp.Diff(want, b[packet.SizeIPv4:int(b[0]&0xf)*4]); diff != "" {
					t.Errorf("%s to %s (-want +got)\n%s", tt.name, dst, diff)
				}
				if ok := packet.Fold(packet.Sum(b[:int(b[0]&0xf)*4], 0)) == 0; !ok && dst == "10.1.0.11" {
					t.Errorf("%s to %s: wrong checksum", tt.name, dst)
				}
			}
		}
	}
}

// TestOptionsOfFragments: what isn't to be copied is in the first fragment only.
func TestOptionsOfFragments(t *testing.T) {
	w := newWorld(t)
	w.do(w.h.SetMTU("eth1", 600))
	opts := []byte{148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0}
	if got := w.in("eth0", withOptions("198.51.100.1", "10.1.0.11", opts, 1000)); len(got) != 2 {
		t.Fatalf("%q", got)
	}
	want := [][]byte{{148, 4, 0, 0, 7, 7, 8, 10, 1, 0, 1, 0}, {148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0}}
	for i, b := range w.raw {
		if diff := cmp.Diff(want[i], b[packet.SizeIPv4:packet.SizeIPv4+12]); diff != "" {
			t.Errorf("fragment %d (-want +got)\n%s", i+1, diff)
		}
	}
}

func TestTimestamp(t *testing.T) {
	h := New(Config{Sink: &world{}, Now: 26*time.Hour + 3*time.Second})
	if got, want := h.Timestamp(), uint32(2*3600+3)*1000; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
