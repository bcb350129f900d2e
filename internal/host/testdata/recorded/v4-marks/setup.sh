ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:01:01
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth1
ip link set eth0 up
ip link set eth1 up
ip route add default via 192.0.2.254
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1
ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1
sysctl -w net.ipv4.ip_forward=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
ip route add local 0.0.0.0/0 dev lo table 100
ip rule add fwmark 3 lookup 100
ip rule add from 10.1.0.12 lookup 200
ip route add default via 10.1.0.11 table 200
ip rule add from 198.51.100.9 lookup 300
iptables -t mangle -A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j MARK --set-mark 3
iptables -t mangle -A PREROUTING -d 10.9.0.0/16 -j MARK --set-mark 3
iptables -t mangle -A PREROUTING -d 10.9.1.0/24 -p tcp -j MARK --set-mark 4
ip route add default via 10.1.0.12 table 4
