#!/bin/bash
# Records what programs see of a real ip_vs (Linux 6.1), for the tests to compare
# with: rewrites the kernel.txt of each folder here. Run it as root where ip_vs
# can be loaded; GOIPVS is goipvs, PROBE and PEERS are the programs of probe and
# peers, SELFTEST is the kernel's own selftest.
#
#	record.sh GOIPVS PROBE PEERS SELFTEST
set -eu
goipvs=$(realpath "$1") probe=$(realpath "$2") peers=$(realpath "$3") selftest=$(realpath "$4")
cd "$(dirname "$0")"
modprobe -a ip_vs ip_vs_lblc ip_vs_lblcr
in_netns() { unshare -n sh -c 'ip link set lo up; exec "$@"' sh "$@"; }
in_netns "$probe" all >probe/kernel.txt
in_netns "$peers" moby cloudflare calls list storm >peers/kernel.txt 2>/dev/null
in_netns session/run.sh >session/kernel.txt 2>&1
in_netns files/run.sh 2>&1 | sed 's/line [0-9]*/line N/' >files/kernel.txt
unshare -mnpf keepalived/run.sh "$goipvs" >keepalived/kernel.txt 2>/dev/null
unshare -mnpf selftest/run.sh "$selftest" "$goipvs" kernel >selftest/kernel.txt
