#!/bin/bash
# Runs keepalived as a director between a client and three servers, whose checks
# fail and succeed, and prints at each step the listing and who answers clients.
#
#	run.sh GOIPVS [wrapped]
#
# Without "wrapped" it is the kernel's IPVS that keepalived controls. In either
# case it must print the same. It needs network, mount and process namespaces of
# its own.
set -u
goipvs=$1 mode=${2:-}
cd "$(dirname "$0")" || exit 1
mount --make-rprivate /
mount -t proc proc /proc
conf=$(mktemp -d) # all that is written
mount -t tmpfs tmpfs /run
cp keepalived.conf "$conf"
export GOIPVS_SOCKET=/run/goipvs.sock

# The client's network is 192.0.2.0/24, the servers' 10.1.0.0/24.
for h in client director s1 s2 s3; do
	ip netns add $h
	ip -n $h link set lo up
done
ip -n client link add eth0 type veth peer name eth0 netns director
ip -n director link add br0 type bridge
ip -n director addr add 10.1.0.1/24 dev br0
ip -n director addr add 192.0.2.1/24 dev eth0
ip -n director link set br0 up
ip -n director link set eth0 up
ip netns exec director sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
for i in 1 2 3; do
	ip -n s$i link add eth0 type veth peer name s$i netns director
	ip -n director link set s$i master br0 up
	ip -n s$i addr add 10.1.0.1$i/24 dev eth0
	ip -n s$i link set eth0 up
	ip -n s$i route add default via 10.1.0.1
done
for i in 101 102 103 104 105 106 107 108 109; do ip -n client addr add 192.0.2.$i/24 dev eth0; done
ip -n client link set eth0 up

# until NAME CONDITION... waits for a condition, at most three minutes.
until_() {
	name=$1
	shift
	for _ in $(seq 1800); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "TIMEOUT waiting for $name"
	listing
	cat "$conf/log"
	exit 1
}

d() { ip netns exec director "$@"; }
if [ "$mode" = wrapped ]; then
	d "$goipvs" run 2>"$conf/daemon" &
	until_ "the daemon" test -S $GOIPVS_SOCKET
	d() { ip netns exec director "$goipvs" wrap -- "$@"; }
fi

listing() { d ipvsadm -Ln | sed -E 's/ +[0-9]+ +[0-9]+ *$//'; } # without the connections
has() { listing | grep -Eq -e "$1"; }
hasnot() { ! has "$1"; }
serve() { # NUMBER: starts server sNUMBER
	ip netns exec s$1 "$goipvs" lab host s$1 --serve http=10.1.0.1$1:8080 >"$conf/s$1" &
	eval "pid$1=$!"
	until_ "server $1" grep -q ready "$conf/s$1"
}
end() { # NUMBER
	eval "kill \$pid$1"
	wait "$(eval "echo \$pid$1")" 2>/dev/null
}
client=101
ask() { # TIMES: each time as another client
	: >"$conf/answers"
	for _ in $(seq "$1"); do
		ip -n client route replace default via 192.0.2.1 src 192.0.2.$client
		client=$((client + 1))
		ip netns exec client timeout 10 bash -c 'exec 3<>/dev/tcp/203.0.113.10/80 && printf "GET / HTTP/1.0\r\n\r\n" >&3 && cat <&3' |
			grep -Eo 's[123]' | head -1 >>"$conf/answers"
	done
	sort "$conf/answers" | uniq -c
}

serve 3
d keepalived -n -l -D -f "$conf/keepalived.conf" -p "$conf/a.pid" -c "$conf/b.pid" -r "$conf/c.pid" >"$conf/log" 2>&1 &
k=$!
until_ "the sorry server" has '10.1.0.13:8080'
until_ "the address" sh -c 'ip -n director addr | grep -q 203.0.113.10'
until_ "the second server's end" has '10.1.0.12:8080 +Masq +0'
until_ "the first server's end" hasnot '10.1.0.11:8080'
echo "== no server"
listing
serve 1
serve 2
until_ "server 1" has '10.1.0.11:8080 +Masq +1'
until_ "server 2" has '10.1.0.12:8080 +Masq +2'
until_ "the sorry server's end" hasnot '10.1.0.13:8080'
echo "== both up"
listing
ask 3
end 1
until_ "server 1's end" hasnot '10.1.0.11:8080'
echo "== one down"
listing
ask 2
end 2
until_ "server 2's end" has '10.1.0.12:8080 +Masq +0'
until_ "the sorry server" has '10.1.0.13:8080'
echo "== both down"
listing
ask 1
d ipvsadm -L --timeout
serve 1
until_ "server 1 again" has '10.1.0.11:8080 +Masq +1'
until_ "the sorry server's end" hasnot '10.1.0.13:8080'
echo "== one up again"
listing
ask 2
sed -i 's/lb_algo wrr/lb_algo rr/' "$conf/keepalived.conf"
kill -HUP "$(cat "$conf/a.pid")"
until_ "the other scheduler" has '203.0.113.10:80 rr'
echo "== reloaded"
listing
ask 1
kill "$(cat "$conf/a.pid")"
wait $k
echo "exit status $?"
echo "== stopped"
listing
echo "== messages"
grep -iE 'ipvs|netlink|error' "$conf/log" | cut -c27- | sort # of two processes
