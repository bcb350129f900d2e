#!/bin/sh
# What ipvsadm's netlink traffic is recorded of.
ipvsadm -A -t 10.0.0.1:80 -s rr
ipvsadm -A -t 10.0.0.1:80 -s rr
ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m
ipvsadm -Ln
ipvsadm -L --timeout
ipvsadm -C
