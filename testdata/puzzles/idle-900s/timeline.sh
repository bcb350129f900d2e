at 883.332496 ipvsadm -Lnc
at 931.813714 ipvsadm -Lnc
at 933.287622 ipvsadm -Lnc
