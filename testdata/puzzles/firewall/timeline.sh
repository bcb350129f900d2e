at 3.205717 ipvsadm -Lnc
