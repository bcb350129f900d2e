at 1.818519 ipvsadm -Lnc
at 1.839608 sysctl -w net.ipv4.vs.conn_reuse_mode=0
at 1.950743 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.11:8080 -m -w 0
at 2.731142 ipvsadm -Lnc
at 2.824187 ipvsadm -Ln
