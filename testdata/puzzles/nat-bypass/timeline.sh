at 3.699996 ipvsadm -Lnc
