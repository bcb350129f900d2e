at 0.310331 ipvsadm -Ln
at 0.331700 ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 0
at 1.387268 ipvsadm -E -t 203.0.113.10:80 -s mh -b mh-fallback
at 2.382137 ipvsadm -Ln
