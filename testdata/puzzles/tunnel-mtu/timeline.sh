at 3.300586 sysctl -w net.ipv4.vs.pmtu_disc=0
