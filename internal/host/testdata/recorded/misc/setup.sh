ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:01:01
ip link set eth1 mtu 1279
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth1
ip -6 addr add 2001:db8:a::1/64 dev eth0 nodad
ip link set eth0 up
ip link set eth1 up
ip route add default via 192.0.2.254
ip -6 route add default via 2001:db8:a::fe dev eth0
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0
ip -6 neigh add 2001:db8:a::fe lladdr 02:00:00:00:00:fe dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1
ip addr add 127.5.5.5/32 dev lo
ip addr add 10.77.0.0/24 dev lo
ip addr add 203.0.113.10/32 dev lo
ip -6 addr add 2001:db8:f::10/128 dev lo
ip route add local 10.88.0.0/16 dev lo
ip route add 10.88.5.0/24 via 10.1.0.11
ip route add 10.1.0.64/26 via 192.0.2.254
ip route add blackhole 10.1.0.128/25
