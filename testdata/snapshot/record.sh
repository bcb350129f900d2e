#!/bin/bash
# record.sh GOIPVS DIR: on a machine whose kernel has ip_vs, has that balance, and
# writes for each method a folder of DIR with what tcpdump captured on the director
# (capture.pcap) and what GOIPVS snapshot says of it (director.setup). Needs root,
# iproute2, ethtool, tcpdump, ipvsadm and Python; leaves nothing behind but modules.
#
#   client eth0 192.0.2.100 ─── eth0 192.0.2.1 director eth1 10.1.0.1 ─┐
#   client eth1 10.1.0.100 ─────────────────────────────────── switch ─┼─ s1 10.1.0.11
#                                                                      └─ s2 10.1.0.12
set -euo pipefail
goipvs=$1 out=$2
vip=203.0.113.10
for m in ip_vs ip_vs_rr ip_vs_wlc veth bridge dummy ipip; do modprobe "$m"; done

in_() { ip netns exec "$@"; }

plug() { # HOST DEVICE: a port of the switch
	ip -n lan link add "$1-$2" type veth peer name "$2" netns "$1"
	ip -n lan link set "$1-$2" master br0 up
}

down() { for n in client director s1 s2 lan; do ip netns del "$n" 2>/dev/null || true; done; }
trap down EXIT

up() {
	for n in client director s1 s2 lan; do
		ip netns add "$n"
		in_ "$n" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
		ip -n "$n" link set lo up
	done
	ip -n lan link add br0 type bridge
	ip -n lan link set br0 up
	ip -n client link add eth0 type veth peer name eth0 netns director
	plug client eth1
	plug director eth1
	plug s1 eth0
	plug s2 eth0
	for x in client/eth0/192.0.2.100/24 client/eth1/10.1.0.100/24 director/eth0/192.0.2.1/24 director/eth1/10.1.0.1/24 s1/eth0/10.1.0.11/24 s2/eth0/10.1.0.12/24; do
		IFS=/ read -r n dev addr len <<<"$x"
		ip -n "$n" addr add "$addr/$len" dev "$dev"
		ip -n "$n" link set "$dev" up
		in_ "$n" ethtool -K "$dev" tx off gso off tso off gro off >/dev/null
	done
	ip -n client route add $vip via 192.0.2.1
	in_ director sysctl -qw net.ipv4.ip_forward=1
	ip -n director link add ipvs0 type dummy
	ip -n director addr add $vip/32 dev ipvs0
	ip -n director link set ipvs0 up
}

# serve answers on a host, TCP port 8080 and 80, UDP 53, with its name.
serve() {
	rm -f "/tmp/$1.ready"
	ip netns exec "$1" /usr/bin/python3 -I -S -c '
import socket, sys, threading
def tcp(s):
    while True:
        c, _ = s.accept()
        c.sendall(sys.argv[1].encode() + b" " + c.recv(100))
        c.close()
def udp(s):
    while True:
        b, a = s.recvfrom(2000)
        s.sendto(sys.argv[1].encode() + b" " + b, a)
for at in sys.argv[2:]:
    for kind, run, ports in ((socket.SOCK_STREAM, tcp, (80, 8080)), (socket.SOCK_DGRAM, udp, (53,))):
        for port in ports:
            s = socket.socket(socket.AF_INET, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((at, port))
            if run is tcp: s.listen()
            threading.Thread(target=run, args=(s,)).start()
print("ready", flush=True)
' "$@" >"/tmp/$1.ready" &
	until grep -q ready "/tmp/$1.ready" 2>/dev/null; do sleep 0.1; done
}

# meet has the director learn a neighbour.
meet() {
	until ip -n director neigh show "$1" | grep -q lladdr; do
		in_ director bash -c "echo hello >/dev/udp/$1/9"
		sleep 0.2
	done
}

# ask has the client talk: connections, datagrams, and what no server takes.
ask() {
	in_ client /usr/bin/python3 -I -S -c '
import socket, sys
vip = sys.argv[1]
for i in range(4):
    c = socket.create_connection((vip, 80), 20)
    c.sendall(b"hello %d" % i)
    print(c.recv(100).decode())
    c.recv(1)
    c.close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(20)
for i in range(3):
    u.sendto(b"x" * (100, 1400, 20)[i], (vip, 53))
    print(len(u.recv(2000)))
try:
    socket.create_connection((vip, 81), 20)
except ConnectionRefusedError as e:
    print(e)
' $vip
}

record() { # METHOD, the option of ipvsadm, the port of the servers
	up
	for s in s1 s2; do
		if [ "$1" = nat ]; then
			ip -n $s route add default via 10.1.0.1
		else
			ip -n $s route add default via 10.1.0.100
			in_ $s sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
			dev=lo
			if [ "$1" = tun ]; then
				dev=tunl0
				ip -n $s link set tunl0 up
				in_ $s sysctl -qw net.ipv4.conf.tunl0.rp_filter=0
			fi
			ip -n $s addr add $vip/32 dev $dev
		fi
		meet 10.1.0.1${s#s}
	done
	meet 192.0.2.100
	serve s1 10.1.0.11 $([ "$1" = nat ] || echo $vip)
	serve s2 10.1.0.12 $([ "$1" = nat ] || echo $vip)
	in_ director ipvsadm -A -t $vip:80 -s wlc
	in_ director ipvsadm -a -t $vip:80 -r "10.1.0.11:$3" "$2" -w 2
	in_ director ipvsadm -a -t $vip:80 -r "10.1.0.12:$3" "$2"
	in_ director ipvsadm -A -u $vip:53 -s rr
	in_ director ipvsadm -a -u $vip:53 -r 10.1.0.11 "$2" -x 100 -y 50
	in_ director ipvsadm -a -u $vip:53 -r 10.1.0.12 "$2"
	in_ director ipvsadm -A -t $vip:81 -s rr
	in_ director ipvsadm --set 800 100 200
	in_ director sysctl -qw net.ipv4.vs.conn_reuse_mode=0

	mkdir -p "$out/$1"
	ip netns exec director tcpdump -qni any -s 0 -U -w "$out/$1/capture.pcap" ip 2>/tmp/tcpdump.said &
	dump=$!
	until grep -q 'listening on' /tmp/tcpdump.said; do sleep 0.1; done
	ask
	sleep 3 # for tcpdump to write the last
	kill -TERM $dump
	wait $dump
	in_ director "$goipvs" snapshot --from kernel >"$out/$1/director.setup"
	kill $(jobs -p)
	wait || true
	down
}

record nat -m 8080
record dr -g 80
record tun -i 80
