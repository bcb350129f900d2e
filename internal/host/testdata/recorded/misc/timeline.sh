at 2.974495 sysctl -w net.ipv4.ip_forward=1
at 7.402817 sysctl -w net.ipv6.conf.all.forwarding=1
at 13.016147 ip rule add from 192.0.2.1 lookup 100
at 15.637220 ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1
at 20.252144 ip link set eth1 mtu 700
at 21.871233 ip addr add 10.1.0.99/24 dev eth1
at 25.184590 ip route add 172.30.0.0/16 via 10.1.0.11
