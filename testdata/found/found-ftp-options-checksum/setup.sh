ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:01:01
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth1
ip link set eth0 up
ip link set eth1 up
ip route add default via 192.0.2.254
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:4d dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1
ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1
ip neigh add 10.1.0.13 lladdr 02:00:00:00:01:0d dev eth1
ip neigh add 10.1.0.14 lladdr 02:00:00:00:01:0e dev eth1
ip neigh add 10.1.0.15 lladdr 02:00:00:00:01:0f dev eth1
ip route add blackhole 172.17.0.0/24
sysctl -w net.ipv4.ip_forward=1
ip -6 addr add 2001:db8:a::1/64 dev eth0 nodad
ip -6 addr add 2001:db8:1::1/64 dev eth1 nodad
ip link set eth0 up
ip link set eth1 up
ip -6 route add default via 2001:db8:a::fe dev eth0
ip -6 neigh add 2001:db8:a::fe lladdr 02:00:00:00:00:fe dev eth0
ip -6 neigh add 2001:db8:a::77 lladdr 02:00:00:00:00:4d dev eth0
ip -6 neigh add 2001:db8:1::b lladdr 02:00:00:00:01:0b dev eth1
ip -6 neigh add 2001:db8:1::c lladdr 02:00:00:00:01:0c dev eth1
ip -6 neigh add 2001:db8:1::d lladdr 02:00:00:00:01:0d dev eth1
ip -6 neigh add 2001:db8:1::e lladdr 02:00:00:00:01:0e dev eth1
ip -6 neigh add 2001:db8:1::f lladdr 02:00:00:00:01:0f dev eth1
sysctl -w net.ipv6.conf.all.forwarding=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
ip -6 addr add 2001:db8:f::10/128 dev ipvs0 nodad
modprobe ip_vs_ftp
iptables -t mangle -A PREROUTING -d 203.0.113.10/32 -p tcp -j MARK --set-mark 5
ipvsadm -A -f 5 -s sh -o
ipvsadm -a -f 5 -r 10.1.0.15:8088 -m -w 4 -x 4
ipvsadm -a -f 5 -r 10.1.0.14:0 -g -w 5
ipvsadm -a -f 5 -r 10.1.0.15:0 -m -w 1
ipvsadm -a -f 5 -r 10.1.0.14:8088 -m -w 1
ip6tables -t mangle -A PREROUTING -d 2001:db8:f::10/128 -p tcp -j MARK --set-mark 5
ipvsadm -A -f 5 -s wrr -6
ipvsadm -a -f 5 -6 -r [2001:db8:1::d]:0 -i -w 4 --tun-type gue --tun-port 6080
ipvsadm -a -f 5 -6 -r [2001:db8:1::b]:0 -m -w 2 -x 6
ipvsadm -a -f 5 -6 -r [2001:db8:1::e]:0 -m -w 1
ipvsadm -A --sctp-service [2001:db8:f::10]:9 -s wlc
ipvsadm -a --sctp-service [2001:db8:f::10]:9 -r [2001:db8:1::c]:9 -i -w 1 --tun-type gue --tun-port 6080
