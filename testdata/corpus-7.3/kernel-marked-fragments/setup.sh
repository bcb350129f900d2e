ip link set eth0 address 02:00:00:00:00:01
ip addr add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip -6 addr add 2001:db8:c::1/64 dev eth0 nodad
ip route add default via 192.0.2.254
ip -6 route add default via 2001:db8:c::fe
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip -6 neigh add 2001:db8:c::fe lladdr 02:00:00:00:00:fe dev eth0
ip -6 neigh add 2001:db8:c::5 lladdr 02:00:00:00:00:05 dev eth0
sysctl -w net.ipv4.ip_forward=1
sysctl -w net.ipv6.conf.all.forwarding=1
sysctl -w net.ipv4.conf.all.rp_filter=0
sysctl -w net.ipv4.conf.eth0.rp_filter=0
iptables -t mangle -A PREROUTING -i eth0 -p tcp -m tcp --dport 8000 -j MARK --set-mark 6
ip -6 rule add fwmark 6 lookup 100
ip6tables -t mangle -A PREROUTING -i eth0 -p tcp -m tcp --dport 8000 -j MARK --set-mark 6
ip rule add fwmark 6 lookup 100
ip route add local 0.0.0.0/0 dev lo table 100
ip -6 route add local ::/0 dev lo table 100
