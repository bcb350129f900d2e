ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:01:01
ip -6 addr add 2001:db8:a::1/64 dev eth0 nodad
ip -6 addr add 2001:db8:a::7/64 dev eth0 nodad
ip -6 addr add fd00:a::1/64 dev eth0 nodad
ip -6 addr add 2001:db8:1::1/64 dev eth1 nodad
ip -6 addr add fd00:1::1/64 dev eth1 nodad
ip -6 addr add 2001:db8:1::2/64 dev eth1 nodad
ip link set eth0 up
ip link set eth1 up
ip link add ipvs0 type dummy
ip -6 addr add 2001:db8:f::10/128 dev ipvs0 nodad
ip -6 addr add 2002:db8:f::10/128 dev ipvs0 nodad
ip -6 route add default via 2001:db8:a::fe dev eth0
ip -6 route add fd00::/16 via 2001:db8:1::b
ip -6 route add 2002::/16 via 2001:db8:1::b
ip -6 neigh add 2001:db8:a::fe lladdr 02:00:00:00:00:fe dev eth0
ip -6 neigh add 2001:db8:1::b lladdr 02:00:00:00:01:0b dev eth1
ip -6 neigh add fd00:1::b lladdr 02:00:00:00:01:0b dev eth1
sysctl -w net.ipv6.conf.all.forwarding=1
ipvsadm -A -t [2001:db8:f::10]:80 -s rr
ipvsadm -a -t [2001:db8:f::10]:80 -r [2001:db8:1::b]:80 -i -w 1
ipvsadm -a -t [2001:db8:f::10]:80 -r [fd00:1::b]:80 -i -w 1
ipvsadm -a -t [2001:db8:f::10]:80 -r [fd00:77::b]:80 -i -w 1
ipvsadm -a -t [2001:db8:f::10]:80 -r [2002:77::b]:80 -i -w 1
ipvsadm -a -t [2001:db8:f::10]:80 -r [2400::1]:80 -i -w 1
ipvsadm -a -t [2001:db8:f::10]:80 -r [2001:db8:f::99]:80 -i -w 1
