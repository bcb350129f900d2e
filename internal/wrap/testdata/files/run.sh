#!/bin/bash
# Uses the files of IPVS under /proc in every way, and prints what comes of it.
export LC_ALL=C
vs=/proc/sys/net/ipv4/vs
do_() {
	echo "\$ $*"
	bash -c "$*" 2>&1
	code=$?
	[ $code = 0 ] || echo "= $code"
}
do_ cat /proc/net/ip_vs
do_ cat /proc/self/net/ip_vs_stats
do_ cat /proc/thread-self/net/ip_vs_conn
do_ 'cat /proc/$PPID/net/ip_vs_conn'
do_ cat /proc/net/../net/ip_vs_conn
do_ cat /proc/net/ip_vs_nosuch
do_ stat -c "'%A %s %h %u %g %F'" /proc/net/ip_vs $vs/conntrack
do_ stat -c "'%A %u %g %F'" $vs
do_ ls $vs
do_ test -r /proc/net/ip_vs -a -w $vs/conntrack -a -d $vs
do_ test -x $vs/conntrack
do_ realpath $vs/conntrack
do_ "echo 1 >/proc/net/ip_vs"
do_ "echo 1 >$vs/nosuch"
do_ "cat $vs/nosuch"
do_ "cat $vs"
do_ "set -C; echo 1 >/proc/net/ip_vs_new"
do_ "dd if=$vs/sync_threshold bs=1 status=none"
do_ "dd if=/proc/net/ip_vs bs=7 status=none | tail -1"
do_ "echo 1 >>$vs/conntrack; cat $vs/conntrack"
do_ "printf 0 >$vs/conntrack; cat $vs/conntrack"
do_ "(printf 1; printf 2) >$vs/conntrack; cat $vs/conntrack"
do_ "setpriv --reuid 65534 --clear-groups --inh-caps=-all bash -c 'cat $vs/conntrack; echo 0 >$vs/conntrack; test -w $vs/conntrack'"
do_ sysctl net.ipv4.vs.conntrack
do_ sysctl -w net.ipv4.vs.conntrack=0
do_ sysctl -w net.ipv4.vs.nosuch=0
do_ sysctl -w net.ipv4.vs.sync_threshold=5
for v in 2 -1 x '' '1 2' 1x 0x10 9999999999 ' 1 '; do
	for f in conntrack drop_entry sync_threshold sync_ports secure_tcp; do
		do_ "echo '$v' >$vs/$f; cat $vs/$f"
	done
done
