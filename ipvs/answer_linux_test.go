package ipvs

import (
	"errors"
	"net"
	"reflect"
	"syscall"
	"testing"
)

// datagram is a message of a type with a sequence number.
func datagram(typ uint16, seq uint32, body []byte) []byte {
	b := make([]byte, nlHeader, nlHeader+len(body))
	ne.PutUint32(b, uint32(nlHeader+len(body)))
	ne.PutUint16(b[4:], typ)
	ne.PutUint32(b[8:], seq)
	return append(b, body...)
}

// number is the body of an acknowledgement.
func number(errno int32) []byte {
	b := make([]byte, 4)
	ne.PutUint32(b, uint32(errno))
	return b
}

// attributes are those of a message that fill writes.
func attributes(fill func(*request)) []byte {
	r := newRequest(0)
	fill(r)
	return r.b[nlHeader+genlHeader:]
}

func TestAnswer(t *testing.T) {
	part := datagram(family, 5, append(make([]byte, genlHeader), attributes(func(r *request) { r.u32(1, 2) })...))
	for _, tt := range []struct {
		name  string
		in    []byte
		parts int
		done  bool
		errno syscall.Errno
		err   error
	}{
		{"nothing", nil, 0, false, 0, nil},
		{"a part", part, 1, false, 0, nil},
		{"parts and the end", append(append(append([]byte(nil), part...), part...), datagram(syscall.NLMSG_DONE, 5, number(0))...), 2, true, 0, nil},
		{"acknowledged", datagram(syscall.NLMSG_ERROR, 5, number(0)), 0, true, 0, nil},
		{"refused", datagram(syscall.NLMSG_ERROR, 5, number(-int32(syscall.EEXIST))), 0, true, syscall.EEXIST, nil},
		{"another's", datagram(syscall.NLMSG_ERROR, 4, number(0)), 0, false, 0, errAnswer},
		{"no number", datagram(syscall.NLMSG_ERROR, 5, nil), 0, false, 0, errAnswer},
		{"positive", datagram(syscall.NLMSG_ERROR, 5, number(1)), 0, false, 0, errAnswer},
		{"cut off", part[:len(part)-1], 0, false, 0, errAnswer},
		{"of no length", make([]byte, nlHeader), 0, false, 0, errAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := answer{seq: 5}
			err := a.add(tt.in)
			if !errors.Is(err, tt.err) || len(a.parts) != tt.parts || a.done != tt.done || a.errno != tt.errno {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// wide is an address as answers have it.
func wide(ip ...byte) []byte { return append(ip, make([]byte, net.IPv6len-len(ip))...) }

func TestParseService(t *testing.T) {
	for _, tt := range []struct {
		name string
		fill func(*request)
		want *Service
	}{
		{"IPv4", func(r *request) {
			r.u16(svcFamily, syscall.AF_INET)
			r.u16(svcProtocol, syscall.IPPROTO_UDP)
			r.bytes(svcAddress, wide(192, 0, 2, 1))
			r.port(svcPort, 53)
			r.str(svcSched, "rr")
			r.u32(svcNetmask, 0xffffffff)
			at := r.head(svcStats)
			r.u32(statsConns, 3)
			r.u32(statsOutBPS, 4)
			r.end(at)
		}, &Service{AddressFamily: syscall.AF_INET, Protocol: syscall.IPPROTO_UDP, Address: net.IP{192, 0, 2, 1}, Port: 53,
			SchedName: "rr", Netmask: 0xffffffff, Stats: SvcStats{Connections: 3, BPSOut: 4}}},
		{"mark", func(r *request) {
			r.u16(svcFamily, syscall.AF_INET6)
			r.u32(svcFWMark, 7)
			r.str(svcPE, "sip")
		}, &Service{AddressFamily: syscall.AF_INET6, FWMark: 7}},
		{"no family", func(r *request) { r.bytes(svcAddress, wide(192, 0, 2, 1)) }, nil},
		{"short address", func(r *request) {
			r.u16(svcFamily, syscall.AF_INET6)
			r.bytes(svcAddress, []byte{192, 0, 2, 1})
		}, nil},
		{"broken statistics", func(r *request) { r.bytes(svcStats, []byte{9, 0, 1, 0}) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseService(attributes(func(r *request) {
				at := r.head(attrService)
				tt.fill(r)
				r.end(at)
			}))
			if (err == nil) != (tt.want != nil) || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	if s, err := parseService(nil); !errors.Is(err, errAnswer) {
		t.Errorf("of nothing: %+v, %v", s, err)
	}
}

func TestParseDestination(t *testing.T) {
	got, err := parseDestination(attributes(func(r *request) {
		at := r.head(attrDest)
		r.u16(destFamily, syscall.AF_INET6)
		r.bytes(destAddress, wide(0x20, 1))
		r.port(destPort, 8080)
		r.u32(destWeight, 65536+7)
		r.u32(destActive, 5)
		r.end(at)
	}))
	want := &Destination{AddressFamily: syscall.AF_INET6, Address: wide(0x20, 1), Port: 8080, Weight: 7, ActiveConnections: 5}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A request that is too long is refused here.
func TestTooLong(t *testing.T) {
	for _, s := range []*Service{{SchedName: string(make([]byte, 1<<17))}, {PEName: string(make([]byte, 1<<17))}, {Address: make(net.IP, 1<<17)}} {
		if _, err := about(cmdNewService, s, nil).message(); err != syscall.EINVAL {
			t.Error(err)
		}
	}
}

// No answer, however broken, makes the program panic.
func FuzzAnswer(f *testing.F) {
	f.Add(datagram(syscall.NLMSG_DONE, 5, number(0)))
	f.Add(datagram(family, 5, append(make([]byte, genlHeader), attributes(func(r *request) {
		r.service(&Service{AddressFamily: syscall.AF_INET, Address: net.IPv4(1, 2, 3, 4), SchedName: "rr"})
	})...)))
	f.Add(datagram(family, 5, append(make([]byte, genlHeader), attributes(func(r *request) {
		r.destination(&Destination{Address: net.IPv6loopback})
	})...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := answer{seq: 5}
		if err := a.add(b); err != nil && !errors.Is(err, errAnswer) {
			t.Error(err)
		}
		for _, m := range append(a.parts, b) {
			_, err1 := parseService(m)
			_, err2 := parseDestination(m)
			_, err3 := parseConfig(m)
			for _, err := range []error{err1, err2, err3} {
				if err != nil && !errors.Is(err, errAnswer) {
					t.Error(err)
				}
			}
		}
	})
}
