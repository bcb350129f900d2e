at 3.033486 ipvsadm -Lnc
