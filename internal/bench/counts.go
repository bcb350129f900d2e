package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/internal/bench/load"
	"goipvs/internal/lab"
)

// cpuTime is the processor time that the balancer's processes have used, what
// the kernel did on their time included.
func (s *site) cpuTime() (sum time.Duration) {
	for _, pid := range s.pids {
		var t unix.Timespec
		// Kernel: include/linux/posix-timers_types.h, MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED.
		if unix.ClockGettime(int32(^pid<<3|2), &t) == nil {
			sum += time.Duration(t.Nano())
		}
	}
	return sum
}

// Renice sets the nice value of a process with its process group, and of its
// session: where the scheduler groups processes by session (sched(7),
// autogroup) that is what counts.
func Renice(pid, nice int) error {
	if nice == 0 {
		return nil
	}
	group, err := unix.Getpgid(pid)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PGRP, group, nice)
	}
	if err != nil {
		return fmt.Errorf("nice %d: %w", nice, err)
	}
	err = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(nice)), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // not grouped
	}
	return err
}

// read reads a file of /proc/net of a host.
func read(n *lab.Node, name string) (b []byte, err error) {
	err = n.Do(func() error {
		b, err = os.ReadFile("/proc/thread-self/net/" + name)
		return err
	})
	return b, err
}

// datagrams is how many datagrams the servers got so far, addressed and summed
// as they should be.
func (s *site) datagrams() (sum uint64, err error) {
	for _, h := range s.Plan.Servers() {
		b, err := read(s.Nodes[h.Name], "udp")
		if err != nil {
			return 0, err
		}
		n, err := udpDrops(b, load.Port)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", h.Name, err)
		}
		sum += n
	}
	return sum, nil
}

// udpDrops returns the drops of the socket at a port.
//
// Kernel: net/ipv4/udp.c, udp4_seq_show (6.1).
func udpDrops(b []byte, port uint16) (uint64, error) {
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		f := strings.Fields(sc.Text())
		if len(f) > 12 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			return strconv.ParseUint(f[12], 10, 64)
		}
	}
	return 0, fmt.Errorf("no socket at UDP port %d", port)
}

// wrongSums is how many segments and datagrams all hosts threw away so far
// because of wrong checksums.
func (s *site) wrongSums() (sum uint64, err error) {
	for _, n := range s.All() {
		b, err := read(n, "snmp")
		if err != nil {
			return 0, err
		}
		k, err := checksumErrors(b)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", n.Name, err)
		}
		sum += k
	}
	return sum, nil
}

// checksumErrors adds up the fields InCsumErrors of /proc/net/snmp, whose lines
// come in pairs of names and values.
func checksumErrors(b []byte) (sum uint64, err error) {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) != len(values) {
			return 0, fmt.Errorf("%d names and %d values", len(names), len(values))
		}
		for j, n := range names {
			if n != "InCsumErrors" {
				continue
			}
			v, err := strconv.ParseUint(values[j], 10, 64)
			if err != nil {
				return 0, err
			}
			sum += v
		}
	}
	return sum, nil
}
