at 0.207016 ipvsadm -C
at 0.500591 sysctl -w net.ipv4.vs.expire_nodest_conn=1
at 0.720103 ipvsadm -C
at 0.902009 ipvsadm -A -t 203.0.113.10:80 -s rr
at 1.099906 ipvsadm -D -t 203.0.113.10:80
at 1.304121 ipvsadm -Lnc
at 1.507189 ipvsadm -A -t 203.0.113.10:80 -s rr
at 1.696615 ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.12:80 -g
at 1.887268 ipvsadm -d -t 203.0.113.10:80 -r 10.1.0.12:80
at 2.083909 ipvsadm -Lnc
