at 0.112764 sysctl -w net.ipv4.vs.conn_max=4
