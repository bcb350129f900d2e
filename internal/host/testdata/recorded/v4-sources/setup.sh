ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:01:01
ip addr add 192.0.2.1/24 dev eth0
ip addr add 192.0.2.7/24 dev eth0
ip addr add 198.18.0.1/32 dev eth0
ip addr add 10.1.0.5/16 dev eth1
ip addr add 10.1.0.1/24 dev eth1
ip addr add 10.1.0.2/24 dev eth1
ip link set eth0 up
ip link set eth1 up
ip link add ipvs0 type dummy
ip addr add 203.0.113.10/32 dev ipvs0
ip addr add 203.0.114.1/24 dev ipvs0
ip route add default via 192.0.2.254
ip route add 172.20.0.0/16 via 10.1.0.11
ip route add 172.21.0.0/16 via 10.1.9.9
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1
ip neigh add 10.1.9.9 lladdr 02:00:00:00:01:09 dev eth1
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0
sysctl -w net.ipv4.ip_forward=1
ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -i -w 1
ipvsadm -a -t 203.0.113.10:80 -r 10.1.9.9:80 -i -w 1
ipvsadm -a -t 203.0.113.10:80 -r 172.20.0.1:80 -i -w 1
ipvsadm -a -t 203.0.113.10:80 -r 172.21.0.1:80 -i -w 1
ipvsadm -a -t 203.0.113.10:80 -r 8.8.8.8:80 -i -w 1
ipvsadm -a -t 203.0.113.10:80 -r 192.0.2.9:80 -i -w 1
ipvsadm -a -t 203.0.113.10:80 -r 203.0.114.9:80 -i -w 1
