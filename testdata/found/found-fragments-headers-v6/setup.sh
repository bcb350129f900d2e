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
modprobe ip_vs_ftp
ip6tables -t mangle -A PREROUTING -d 2001:db8:f::10/128 -p tcp -j MARK --set-mark 5
ipvsadm -A -f 5 -s ovf -o -6
ipvsadm -a -f 5 -6 -r [2001:db8:1::b]:0 -m -w 2
ipvsadm -a -f 5 -6 -r [2001:db8:1::b]:8088 -m -w 1
ipvsadm -a -f 5 -6 -r [2001:db8:1::1]:0 -g -w 1
ipvsadm -A -t [2001:db8:f::10]:8080 -s wlc -p 3
ipvsadm -a -t [2001:db8:f::10]:8080 -r [2001:db8:1::1]:8080 -g -w 1 -x 5
ipvsadm -A -u [2001:db8:f::10]:514 -s rr
ipvsadm -a -u [2001:db8:f::10]:514 -r [2001:db8:1::e]:514 -g -w 3
ipvsadm -a -u [2001:db8:f::10]:514 -r [2001:db8:1::f]:514 -g -w 1
ipvsadm -a -u [2001:db8:f::10]:514 -r [2001:db8:1::1]:514 -i -w 2 --tun-type gue --tun-port 6080
ipvsadm -A -t [2001:db8:f::10]:443 -s sh -b sh-port
ipvsadm -a -t [2001:db8:f::10]:443 -r [2001:db8:1::d]:8443 -m -w 2
ipvsadm -a -t [2001:db8:f::10]:443 -r [2001:db8:1::c]:443 -i -w 1 --tun-type gre
ipvsadm -a -t [2001:db8:f::10]:443 -r [2001:db8:1::b]:8443 -m -w 1 -x 6
ipvsadm -a -t [2001:db8:f::10]:443 -r [2001:db8:1::b]:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
ipvsadm --set 3 3 3
