#!/bin/bash
# Records what the real ipvsadm 1.31 says on a real ip_vs (Linux 6.1): rewrites
# the case files it is given (all of cases/ without arguments) with output and
# exit status of each command line. Run it as root where ip_vs can be loaded,
# ipvsadm 1.31 and a C compiler are installed and nobody needs /etc/hosts and
# /etc/services meanwhile: other files are mounted over them.
#
# A case file starts from an empty table; lines are
#
#	$ ARGS	a command line; words as the shell has them, with '' quotes at most
#	% NAME	in place of a command line: print /proc/net/NAME
#	< TEXT	a line of its standard input
#	| TEXT	a line of its standard output
#	! TEXT	a line of its standard error
#	= N	its exit status, where that is not 0
#	@ TEXT	a line of /proc/net/ip_vs_conn, from here on
#	#	a remark
#
# and "|" or "!" without a blank is an empty line.
cd "$(dirname "$0")" || exit 1
export LC_ALL=C
[ $# != 0 ] || set -- cases/*.txt
modprobe ip_vs
for m in rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh pe_sip ftp; do modprobe ip_vs_$m; done
mount --bind hosts /etc/hosts
mount --bind services /etc/services
tmp=$(mktemp -d)
cc -shared -fPIC -xc -o "$tmp/conn.so" - <<C
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Shows ipvsadm the case file's connections. */
FILE *fopen(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");

	return next(strcmp(path, "/proc/net/ip_vs_conn") ? path : "$tmp/conn", mode);
}
C

# run does one command line ($args) with its input ($tmp/in) and prints both with what came out.
run() {
	if [ "$kind" = % ]; then
		echo "% $args"
		sed 's/^/| /; s/^| $/|/' "/proc/net/$args"
		return
	fi
	echo "\$${args:+ $args}"
	sed 's/^/< /; s/^< $/</' "$tmp/in"
	eval "set -- $args"
	(
		[ ! -s "$tmp/conn" ] || export LD_PRELOAD=$tmp/conn.so
		exec -a ipvsadm /usr/sbin/ipvsadm "$@"
	) <"$tmp/in" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	sed 's/^/| /; s/^| $/|/' "$tmp/out"
	sed 's/^/! /; s/^! $/!/' "$tmp/err"
	[ $rc = 0 ] || echo "= $rc"
}

# one records a case file on standard input.
one() {
	ip link set lo up
	args= kind= pending=
	: >"$tmp/in"
	: >"$tmp/conn"
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'<'*) line=${line#<}; printf '%s\n' "${line# }" >>"$tmp/in"; continue ;;
		'|'* | '!'* | '='*) continue ;;
		esac
		[ -z "$pending" ] || run
		pending=
		: >"$tmp/in"
		case $line in
		'@ '*)
			[ -s "$tmp/conn" ] || cat /proc/net/ip_vs_conn >"$tmp/conn"
			printf '%s\n' "${line#??}" >>"$tmp/conn"
			printf '%s\n' "$line"
			;;
		'$ '* | '% '*) kind=${line%% *} args=${line#??} pending=1 ;;
		'$') kind='$' args= pending=1 ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
	[ -z "$pending" ] || run
}

export -f run one
export tmp
for f; do
	unshare -nm bash -c one <"$f" >"$tmp/new" && cat "$tmp/new" >"$f"
done
umount /etc/hosts /etc/services
rm -r "$tmp"
