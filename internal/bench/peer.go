package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"goipvs/internal/bench/load"
)

// Peer is a balancer, or something to compare balancers with.
type Peer struct {
	Name     string
	Title    string
	Datagram bool // it balances datagrams, too
	Extra    bool // measured only where it is named
	daemon   bool // it is goipvs
	straight bool // servers answer past the director
	rules    string
	begin    func(ctx context.Context, s *site) error
}

// Names of the peers that others are compared with.
const (
	routing = "routing"
	dnat    = "dnat"
	haproxy = "haproxy"
)

// Peers are all of them.
var Peers = []Peer{
	{Name: routing, Title: "routing, no balancer", Datagram: true, begin: beginRouting},
	{Name: dnat, Title: "kernel DNAT", Datagram: true, begin: beginDNAT},
	{Name: haproxy, Title: "HAProxy TCP", begin: beginHAProxy},
	{Name: "nginx", Title: "nginx stream", begin: beginNginx},
	goipvs("goipvs", "goipvs NAT", "-m"),
	goipvs("goipvs-dr", "goipvs DR", "-g"),
	goipvs("goipvs-nfqueue", "goipvs NAT, go-nfqueue", "-m", "--queue-io", "nfqueue"),
	extra(goipvs("goipvs-metrics", "goipvs NAT, metrics", "-m", "--metrics", "127.0.0.1:9100")),
}

func extra(p Peer) Peer {
	p.Extra = true
	return p
}

// goipvs is goipvs with a forwarding method and flags of goipvs run.
func goipvs(name, title, method string, flags ...string) Peer {
	var rules string
	for _, proto := range []string{"-t", "-u"} {
		rules += fmt.Sprintf("ipvsadm -A %s %s -s rr\n", proto, at(vipAddr))
		for _, a := range serverAddrs {
			rules += fmt.Sprintf("ipvsadm -a %s %s -r %s %s\n", proto, at(vipAddr), at(a), method)
		}
	}
	return Peer{Name: name, Title: title, Datagram: true, daemon: true, straight: method == "-g", rules: rules, begin: func(ctx context.Context, s *site) error {
		file := filepath.Join(s.Dir, "director.setup")
		if err := os.WriteFile(file, []byte(s.Plan.Director().Setup), 0o644); err != nil {
			return err
		}
		args := append([]string{"--setup", file}, flags...)
		if s.o.CPUProfile != "" {
			args = append(args, "--cpuprofile", s.o.CPUProfile)
		}
		if err := s.StartDaemon(ctx, args...); err != nil {
			return err
		}
		s.pids = []int{s.Daemon.PID()}
		return Renice(s.Daemon.PID(), s.o.Nice)
	}}
}

// configure configures the director where no daemon does.
func (s *site) configure() error {
	return s.Director().Configure("director", s.Plan.Director().Setup)
}

// beginRouting has the client ask a server itself, through the director.
func beginRouting(_ context.Context, s *site) error {
	s.target = serverAddrs[0]
	return s.configure()
}

func beginDNAT(ctx context.Context, s *site) error {
	if err := s.configure(); err != nil {
		return err
	}
	file, err := s.write("dnat.nft", fmt.Sprintf(`table ip balance {
	chain prerouting {
		type nat hook prerouting priority -100
		ip daddr %s dnat to numgen inc mod 2 map { 0 : %s, 1 : %s }
	}
}
`, vipAddr, serverAddrs[0], serverAddrs[1]))
	if err != nil {
		return err
	}
	_, err = s.run(ctx, s.Director(), "nft", "-f", file)
	return err
}

func beginHAProxy(_ context.Context, s *site) error {
	config := fmt.Sprintf(`global
	maxconn 4000
	nbthread 2
defaults
	mode tcp
	timeout connect 5s
	timeout client 60s
	timeout server 60s
listen balance
	bind %s
	balance roundrobin
`, at(vipAddr))
	for i, a := range serverAddrs {
		config += fmt.Sprintf("\tserver s%d %s\n", i+1, at(a))
	}
	file, err := s.write("haproxy.cfg", config)
	return errors.Join(err, s.proxy("haproxy", "-db", "-f", file))
}

func beginNginx(_ context.Context, s *site) error {
	config := fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 2;
pid %s/nginx.pid;
error_log stderr;
events { worker_connections 8192; }
stream {
	upstream servers {
		server %s;
		server %s;
	}
	server {
		listen %s;
		proxy_pass servers;
	}
}
`, s.Dir, at(serverAddrs[0]), at(serverAddrs[1]), at(vipAddr))
	file, err := s.write("nginx.conf", config)
	return errors.Join(err, s.proxy("nginx", "-e", "stderr", "-c", file))
}

// write writes a file for a balancer.
func (s *site) write(name, text string) (string, error) {
	file := filepath.Join(s.Dir, name)
	return file, os.WriteFile(file, []byte(text), 0o644)
}

// proxy starts a program that listens at the virtual address.
func (s *site) proxy(program string, args ...string) error {
	if err := s.configure(); err != nil {
		return err
	}
	cmd, err := s.start(s.Director(), nil, program, args...)
	if err != nil {
		return err
	}
	s.pids = []int{cmd.Process.Pid}
	return nil
}

// settle waits until the balancer works and finds the processes that it has
// started itself.
func (s *site) settle(ctx context.Context) error {
	if err := s.answers(ctx); err != nil {
		return err
	}
	if _, err := s.load(ctx, load.Requests, 2, 200*time.Millisecond); err != nil {
		return err
	}
	for i := 0; i < len(s.pids); i++ {
		pid := s.pids[i]
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			continue // this kernel doesn't tell
		}
		for f := range bytes.FieldsSeq(b) {
			if child, err := strconv.Atoi(string(f)); err == nil {
				s.pids = append(s.pids, child)
			}
		}
	}
	return nil
}
