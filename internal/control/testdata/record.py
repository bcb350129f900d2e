#!/usr/bin/python3
"""Puts the requests in kernel.txt to a real ip_vs and writes its answers behind
them. Run it as root in a network namespace of its own, with lo up, where the
IPVS family can be found (modprobe ip_vs), from this directory.

A case is "# NAME", a request "> HEX", the answers "< HEX", a datagram a line.
Cases whose names begin with "capped" go through a socket with NETLINK_CAP_ACK.
The family's number is 1023 in the file, the asker's port id 0.
"""
import re
import socket
import struct

FAMILY = 1023
SIZE = 3776  # a larger buffer would make the kernel send larger datagrams of dumps


def messages(b):
    at = 0
    while at + 16 <= len(b):
        size, = struct.unpack_from("=I", b, at)
        if size < 16:
            break
        yield at, size
        at += (size + 3) & ~3


def translate(b, old, new, port):
    """b with another number of the family, and without the asker's port id"""
    b = bytearray(b)
    for at, size in messages(b):
        typ, = struct.unpack_from("=H", b, at + 4)
        if typ == old:
            struct.pack_into("=H", b, at + 4, new)
        if typ == 16 and size >= 20:
            for m in re.finditer(struct.pack("=HHH", 6, 1, old), bytes(b[at + 20:at + size])):
                struct.pack_into("=H", b, at + 20 + m.start() + 4, new)
        if typ == 2 and size >= 26 and struct.unpack_from("=H", b, at + 24)[0] == old:
            struct.pack_into("=H", b, at + 24, new)
        if typ == 2 and size >= 40 and struct.unpack_from("=H", b, at + 24)[0] == 16:
            for m in re.finditer(struct.pack("=HHH", 6, 1, old), bytes(b[at + 40:at + size])):
                struct.pack_into("=H", b, at + 40 + m.start() + 4, new)
        if port and struct.unpack_from("=I", b, at + 12)[0] == port:
            struct.pack_into("=I", b, at + 12, 0)
    return bytes(b)


def open_socket():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    s.bind((0, 0))
    return s


def ask(s, b):
    s.send(b)
    out = []
    while True:
        try:
            out.append(s.recv(SIZE, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return out


plain, capped = open_socket(), open_socket()
capped.setsockopt(270, 10, 1)  # SOL_NETLINK, NETLINK_CAP_ACK
body = b"\x03\x01\0\0" + struct.pack("=HH", 9, 2) + b"IPVS\0\0\0\0"
answer = ask(plain, struct.pack("=IHHII", 16 + len(body), 16, 1, 1, 0) + body)[0]
family, = struct.unpack_from("=H", answer, 16 + 4 + 12 + 4)

lines = [l for l in open("kernel.txt").read().split("\n") if l and not l.startswith("<")]
with open("kernel.txt", "w") as f:
    sock = plain
    for l in lines:
        print(l, file=f)
        if l.startswith("#"):
            sock = capped if l.startswith("# capped") else plain
        else:
            for b in ask(sock, translate(bytes.fromhex(l[2:]), FAMILY, family, 0)):
                print("<", translate(b, family, FAMILY, sock.getsockname()[0]).hex(), file=f)
