ip link set eth0 address 02:00:00:00:00:01
ip addr add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip route add default via 192.0.2.254
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
sysctl -w net.ipv4.ip_forward=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 192.0.2.10/32 dev ipvs0
ip neigh add 192.0.2.100 lladdr 02:00:00:00:00:64 dev eth0
ip neigh add 192.0.2.11 lladdr 02:00:00:00:00:0b dev eth0
ip neigh add 192.0.2.12 lladdr 02:00:00:00:00:0c dev eth0
ipvsadm -A -t 192.0.2.10:80 -s rr
ipvsadm -a -t 192.0.2.10:80 -r 192.0.2.11:80 -g -w 1
ipvsadm -a -t 192.0.2.10:80 -r 192.0.2.12:80 -g -w 1
