at 17.618876 ipvsadm -Ln
