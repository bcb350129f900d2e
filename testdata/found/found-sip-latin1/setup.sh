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
ip neigh add 10.1.0.254 lladdr 02:00:00:00:01:fe dev eth1
ip route add 172.16.0.0/24 via 10.1.0.254
ip route add default via 10.1.0.254 table 200
ip rule add from 203.0.113.10 lookup 200
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
ip -6 neigh add 2001:db8:1::fe lladdr 02:00:00:00:01:fe dev eth1
sysctl -w net.ipv6.conf.all.forwarding=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
ip addr add 203.0.113.11/32 dev ipvs0
ip addr add 203.0.113.12/32 dev eth0
ip -6 addr add 2001:db8:f::10/128 dev ipvs0 nodad
ip -6 addr add 2001:db8:f::11/128 dev ipvs0 nodad
ip -6 addr add 2001:db8:f::12/128 dev ipvs0 nodad
ipvsadm -A -u [2001:db8:f::10]:5060 -s sh -b sh-fallback --pe sip -p 300
