at 24.117695 ipvsadm -a -f 5 -r 10.1.0.13:8088 -m -w 1
