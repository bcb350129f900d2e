at 0.156056 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.11:8080 -m -w 0
at 0.983483 ipvsadm -Lnc
at 1.330919 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.11:8080 -m -w 1
at 2.077421 ipvsadm -Lnc
at 2.214155 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 0
at 3.048129 ipvsadm -Lnc
at 3.208600 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 1
at 3.738093 ipvsadm -Lnc
at 3.866797 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.11:8080 -m -w 0
at 4.722111 ipvsadm -Lnc
