at 2.613147 ipvsadm -Ln
at 4.116512 ipvsadm -Ln
at 6.414396 ipvsadm -Ln
at 6.476646 sysctl -w net.ipv4.vs.conn_lfactor=0
at 8.250517 ipvsadm -Ln
