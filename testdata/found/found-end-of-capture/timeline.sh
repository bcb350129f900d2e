at 2.004322 ipvsadm -Ln
