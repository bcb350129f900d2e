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
sysctl -w net.ipv4.ip_forward=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
ip addr add 203.0.113.11/32 dev ipvs0
ip addr add 203.0.113.12/32 dev ipvs0
ipvsadm -A -t 203.0.113.10:21 -s mh -b mh-fallback
ipvsadm -a -t 203.0.113.10:21 -r 10.1.0.12:21 -m -w 2
