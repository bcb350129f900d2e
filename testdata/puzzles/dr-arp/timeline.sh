at 0.274289 ipvsadm -Lnc
at 10.395665 ipvsadm -Lnc
at 10.490370 ipvsadm -Ln
