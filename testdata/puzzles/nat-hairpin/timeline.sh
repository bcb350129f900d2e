at 1.124484 ipvsadm -Lnc
at 4.316707 ipvsadm -Lnc
