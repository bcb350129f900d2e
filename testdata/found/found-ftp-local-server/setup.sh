ip link set eth0 address 02:00:00:00:00:01
ip link set eth0 mtu 1000
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth0
ip link set eth0 up
ip route add default via 192.0.2.254
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
sysctl -w net.ipv4.ip_forward=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
iptables -t mangle -A PREROUTING -d 203.0.113.10/32 -j MARK --set-mark 5
ipvsadm -A -f 5 -s lc
ipvsadm -a -f 5 -r 192.0.2.1:0 -m -w 100
ipvsadm -A -t 203.0.113.10:21 -s dh -p 300
ipvsadm -a -t 203.0.113.10:21 -r 10.1.0.11:21 -m -w 100
