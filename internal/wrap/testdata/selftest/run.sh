#!/bin/bash
# Runs the kernel's own selftest of IPVS, unchanged, prints what it prints, and
# what the director listed at the end of each of its parts.
#
#	run.sh SCRIPT GOIPVS DIRECTOR
#
# SCRIPT is tools/testing/selftests/netfilter/ipvs.sh of the kernel's source.
# DIRECTOR says who balances, and by which ipvsadm the script tells it how:
#
#	kernel   the kernel's IPVS by the real ipvsadm
#	ours     goipvs by its own ipvsadm
#	wrapped  goipvs by the real ipvsadm, run by goipvs wrap
#	whole    goipvs by all that the script starts, for the script itself is wrapped
#
# In each case it must print the same. It needs network, mount and process
# namespaces of its own.
set -eu
script=$(realpath "$1") goipvs=$(realpath "$2") director=$3
export goipvs director ip=$(command -v ip) modprobe=$(command -v modprobe)
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
export TMPDIR=/run GOIPVS_SOCKET=/run/ns1.sock PATH=/run/bin:$PATH
mkdir /run/bin
: >/run/listings

# wait_for CONDITION... waits for a condition, at most a minute.
cat >/run/bin/wait_for <<'SH'
#!/bin/bash
for _ in $(seq 1200); do
	"$@" >/dev/null 2>&1 && exit
	sleep 0.05
done
echo "TIMEOUT waiting for: $*" >>/run/listings
exit 1
SH

# A network namespace has IPVS from its beginning to its end, and so has ns1,
# where the script's director is.
cat >/run/bin/ip <<'SH'
#!/bin/bash
case "$*" in
"netns del ns1")
	if [ -e /run/netns/ns1 ]; then
		$ip netns exec ns1 ipvsadm -Ln >>/run/listings 2>&1
		[ ! -e /run/ns1.pid ] || kill "$(cat /run/ns1.pid)"
		wait_for test ! -e /run/ns1.sock
		rm -f /run/ns1.pid
	fi
	;;
"netns add ns1")
	$ip "$@" || exit
	case $director in ours | wrapped)
		$ip netns exec ns1 "$goipvs" run 2>>/run/log &
		echo $! >/run/ns1.pid
		wait_for test -S /run/ns1.sock
		;;
	esac
	exit
	;;
esac
exec $ip "$@"
SH

# What is loaded is there: ip_vs is goipvs, and a tunnel's end that this kernel
# has not is goipvs lab's.
cat >/run/bin/modprobe <<'SH'
#!/bin/bash
case "$*" in
*ip_vs*) [ "$director" = kernel ] || exit 0 ;;
*ipip*)
	$modprobe "$@" 2>/dev/null && exit
	at=$($ip -4 -o addr | grep -Eo '172\.16\.0\.[12]/' | tr -d /)
	"$goipvs" lab host tunnel --unwrap "$at" >/run/tunnel."$at" 2>>/run/log &
	wait_for grep -q ready /run/tunnel."$at"
	$ip link set tunnel1 down
	exec $ip link set tunnel1 name tunl0
	;;
esac
exec $modprobe "$@"
SH

chmod +x /run/bin/*

run=(sh "$script")
case $director in
kernel) modprobe ip_vs ;;
ours) ln -s "$goipvs" /run/bin/ipvsadm ;;
wrapped)
	printf '#!/bin/sh\nexec "$goipvs" --socket /run/outer.sock wrap -- %s "$@"\n' "$(command -v ipvsadm)" >/run/bin/ipvsadm
	chmod +x /run/bin/ipvsadm
	"$goipvs" --socket /run/outer.sock run 2>>/run/log & # for ipvsadm -v
	wait_for test -S /run/outer.sock
	;;
whole) run=("$goipvs" wrap --files --daemon --log /run/log -- "${run[@]}") ;;
esac
status=0
"${run[@]}" || status=$?
cat /run/listings
[ $status = 0 ] || cat /run/log >&2
exit $status
