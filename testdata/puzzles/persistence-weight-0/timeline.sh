at 0.138814 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 0
at 1.281842 ipvsadm -Lnc
at 1.302917 sysctl -w net.ipv4.vs.expire_quiescent_template=1
at 3.710282 ipvsadm -Lnc
at 4.590477 ipvsadm -Ln
