ip link set eth0 address 02:00:00:00:00:01
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth0
ip link set eth0 up
ip route add default via 192.0.2.254
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth0
sysctl -w net.ipv4.ip_forward=1
ip addr add 203.0.113.10/32 dev eth0
ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -g
