package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/queue"
	"goipvs/internal/replay"
)

// rig is a director alone: what would be its neighbours are packet sockets,
// and what reaches its processes is caught behind IPVS.
type rig struct {
	lab  *Lab
	wire *Netns
	feed map[string]*os.File
	raw4 int
	raw6 int
	all  []io.Closer
	wg   sync.WaitGroup

	mu      sync.Mutex
	got     []output
	arrived chan struct{} // has room for one: something is in got
}

// catchQueue is where packets for local processes are caught.
const catchQueue = 60000

// newRig makes a director with interfaces eth0, eth1, …, n of them, that are
// down and have no addresses.
func newRig(t *testing.T, n int) *rig {
	t.Helper()
	r := &rig{feed: map[string]*os.File{}, arrived: make(chan struct{}, 1)}
	t.Cleanup(r.close)
	p := Plan{Hosts: []Host{{Name: "wire"}, {Name: "director"}}, Family: 6}
	var err error
	if r.lab, err = Start(p, Options{Self: self}); err != nil {
		t.Fatal(err)
	}
	r.wire = r.lab.Client().Netns
	dir := r.lab.Director()
	for _, name := range []string{"all", "default"} {
		check(t, r.wire.Sysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"))
	}
	check(t, dir.Sysctl("net/ipv6/conf/default/addr_gen_mode", "1")) // no link-local addresses
	for i := range n {
		name := fmt.Sprintf("eth%d", i)
		v := netlink.NewVeth(netlink.LinkAttrs{Name: name, MTU: 1500})
		v.PeerName, v.PeerMTU, v.PeerNamespace = name, 9000, netlink.NsFd(r.wire.file.Fd())
		check(t, dir.nl.LinkAdd(v))
		check(t, r.lab.Client().Configure("wire", "ip link set "+name+" up"))
		check(t, dir.OffloadsOff(name))
		check(t, r.wire.OffloadsOff(name))
		check(t, r.wire.Do(func() error { return r.listen(name) }))
	}
	check(t, dir.Do(r.rawSockets))
	check(t, dir.Do(r.catch))
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) close() {
	for _, c := range r.all {
		c.Close()
	}
	if r.raw4 != 0 {
		unix.Close(r.raw4)
		unix.Close(r.raw6)
	}
	r.wg.Wait()
	if r.lab != nil {
		r.lab.Stop()
	}
}

// packetSocket opens a socket on an interface that gets what comes in by it,
// and sends frames. It runs in the interface's namespace.
func packetSocket(name string) (*os.File, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// listen takes what comes by an interface of the wire.
func (r *rig) listen(name string) error {
	f, err := packetSocket(name)
	if err != nil {
		return err
	}
	r.all = append(r.all, f)
	r.feed[name] = f
	r.wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := f.Read(buf)
			if errors.Is(err, unix.ENETDOWN) {
				continue
			}
			if err != nil {
				return
			}
			if !noise(buf[:n]) {
				r.add(name, buf[:n])
			}
		}
	})
	return nil
}

func (r *rig) add(to string, b []byte) {
	r.mu.Lock()
	r.got = append(r.got, output{to, bytes.Clone(b)})
	r.mu.Unlock()
	select {
	case r.arrived <- struct{}{}:
	default:
	}
}

// noise reports whether a frame is none of IPVS's or of forwarding: ARP,
// neighbour and group discovery.
func noise(f []byte) bool {
	if len(f) < 14 {
		return true
	}
	switch binary.BigEndian.Uint16(f[12:]) {
	case unix.ETH_P_IP:
		return false
	case unix.ETH_P_IPV6:
		return discovery(f[14:])
	}
	return true
}

func discovery(b []byte) bool {
	if len(b) < 41 || b[0]>>4 != 6 {
		return false
	}
	next, at := b[6], 40
	if next == 0 && len(b) > 48 { // hop-by-hop options, as of group discovery
		next, at = b[40], 48
	}
	if next != unix.IPPROTO_ICMPV6 || len(b) <= at {
		return false
	}
	t := b[at]
	return t >= 130 && t <= 137 || t == 143
}

// rawSockets opens what local processes send with.
func (r *rig) rawSockets() (err error) {
	if r.raw4, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
		return err
	}
	if r.raw6, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
		return err
	}
	return unix.SetsockoptInt(r.raw4, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
}

// catch takes packets for local processes out of LOCAL_IN, behind IPVS.
func (r *rig) catch() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	info := xt.Unknown(binary.NativeEndian.AppendUint16(nil, catchQueue)) // struct xt_NFQ_info_v3
	info = append(binary.NativeEndian.AppendUint16(info, 1), 0, 0)
	for _, f := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		t := c.AddTable(&nftables.Table{Family: f, Name: "catch"})
		ch := c.AddChain(&nftables.Chain{
			Table: t, Name: "in", Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityRef(300),
		})
		c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: []expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}}})
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	q, err := queue.Listen(queue.Config{Number: catchQueue})
	if err != nil {
		return err
	}
	r.all = append(r.all, q)
	r.wg.Go(func() {
		_ = q.Serve(func(batch []queue.Packet, _ []queue.Verdict) { // drops all
			for i := range batch {
				if b := batch[i].Data(); !discovery(b) {
					r.add(replay.LocalName, b)
				}
			}
		})
	})
	return nil
}

// send puts a packet before the director.
func (r *rig) send(in input) error {
	if in.from != replay.LocalName {
		_, err := r.feed[in.from].Write(in.data)
		return err
	}
	if in.data[0]>>4 == 6 {
		return unix.Sendto(r.raw6, in.data, 0, &unix.SockaddrInet6{Addr: [16]byte(in.data[24:40])})
	}
	return unix.Sendto(r.raw4, in.data, 0, &unix.SockaddrInet4{Addr: [4]byte(in.data[16:20])})
}

// take waits until n outputs are there, at most until the time limit, and a
// moment longer for more, and takes them all.
func (r *rig) take(n int, limit, longer time.Duration) []output {
	timeout := time.After(limit)
	for {
		r.mu.Lock()
		have := len(r.got)
		r.mu.Unlock()
		if have >= n {
			break
		}
		select {
		case <-r.arrived:
			continue
		case <-timeout:
		}
		break
	}
	time.Sleep(longer)
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}
