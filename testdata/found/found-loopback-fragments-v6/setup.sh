ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:01:01
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
sysctl -w net.ipv6.conf.all.forwarding=1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip -6 addr add 2001:db8:f::10/128 dev ipvs0 nodad
ipvsadm -A -u [2001:db8:f::10]:5060 -s fo --pe sip -p 4
ipvsadm -a -u [2001:db8:f::10]:5060 -r [2001:db8:a::1]:5060 -i -w 5
