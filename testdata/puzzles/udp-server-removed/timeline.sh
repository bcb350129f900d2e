at 0.375604 ipvsadm -d -u 203.0.113.10:53 -r 10.1.0.12:5353
at 2.795688 ipvsadm -Lnc
at 2.819105 sysctl -w net.ipv4.vs.expire_nodest_conn=1
at 4.194646 ipvsadm -Lnc
