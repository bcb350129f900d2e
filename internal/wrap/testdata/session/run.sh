#!/bin/bash
# A long session of ipvsadm, with its exit statuses, in an IPVS that is empty.
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT
r() { echo "\$ $*"; "$@" 2>&1; echo "rc=$?"; }
r ipvsadm -C
r ipvsadm -Ln
r ipvsadm -A -t 10.0.0.1:80 -s rr
r ipvsadm -A -t 10.0.0.1:80 -s rr
r ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3
r ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m
r ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m
r ipvsadm -A -u 10.0.0.1:53 -s wlc -p 300
r ipvsadm -a -u 10.0.0.1:53 -r 10.1.0.3 -g -w 5 -x 100 -y 50
r ipvsadm -a -u 10.0.0.1:53 -r 10.1.0.4 -i
r ipvsadm -A -f 7 -s sh -b sh-port
r ipvsadm -a -f 7 -r 10.1.0.5 -g
r ipvsadm -A -f 8 -6 -s wrr
r ipvsadm -A -t '[fd00::1]:443' -s lc -o
r ipvsadm -A -t '[fd00::1]:443' -s lc
r ipvsadm -a -t '[fd00::1]:443' -r '[fd00:1::1]:8443' -m
r ipvsadm -a -t '[fd00::1]:443' -r 10.1.0.9:8443 -i
r ipvsadm -Ln
r ipvsadm -Ln --stats
r ipvsadm -Ln --rate
r ipvsadm -Ln --thresholds
r ipvsadm -Ln --persistent-conn
r ipvsadm -Ln --exact
r ipvsadm -L -n -t 10.0.0.1:80
r ipvsadm -L -n -t 10.0.0.9:80
r ipvsadm -Sn
r ipvsadm -e -t 10.0.0.1:80 -r 10.1.0.1:8080 -g -w 9
r ipvsadm -e -t 10.0.0.1:80 -r 10.1.0.99:8080 -g -w 9
r ipvsadm -E -t 10.0.0.1:80 -s wrr -p 120 -M 255.255.255.0
r ipvsadm -E -t 10.0.0.2:80 -s wrr
r ipvsadm -d -t 10.0.0.1:80 -r 10.1.0.2:8080
r ipvsadm -d -t 10.0.0.1:80 -r 10.1.0.2:8080
r ipvsadm -D -t 10.0.0.2:80
r ipvsadm -a -t 10.0.0.2:80 -r 1.2.3.4
r ipvsadm -A -t 10.0.0.3:80 -s nosuch
r ipvsadm -A -t 10.0.0.3:80 -s rr --pe sip
r ipvsadm -A -u 10.0.0.3:5060 -s rr --pe sip -p 30
r ipvsadm --set 100 20 30
r ipvsadm -L --timeout
r ipvsadm --set 0 0 31
r ipvsadm -L --timeout
r ipvsadm -L --daemon
r ipvsadm --start-daemon master --mcast-interface lo --syncid 5
r ipvsadm -L --daemon
r ipvsadm --stop-daemon master
r ipvsadm -L --daemon
r ipvsadm -Z
r ipvsadm -Z -t 10.0.0.1:80
r ipvsadm -Z -t 10.0.0.77:80
ipvsadm -Sn > "$tmp/save"
r ipvsadm -C
r ipvsadm -Sn
echo '$ ipvsadm -R < save'; ipvsadm -R < "$tmp/save" 2>&1; echo "rc=$?"
r ipvsadm -Sn
r ipvsadm -D -t 10.0.0.1:80
r ipvsadm -D -f 7
r ipvsadm -Ln
r ipvsadm -Lnc
r ipvsadm -C
for i in $(seq 1 400); do echo "-A -t 10.9.$((i/250)).$((i%250)):80 -s rr"; for j in 1 2 3; do echo "-a -t 10.9.$((i/250)).$((i%250)):80 -r 10.8.0.$j:80 -m"; done; done > "$tmp/many"
echo '$ many'; ipvsadm -R < "$tmp/many" 2>&1; echo "rc=$?"
echo '$ count'; ipvsadm -Ln | grep -c -e '->'; ipvsadm -Ln | md5sum
r ipvsadm -C
