#!/usr/bin/python3
"""Puts the requests in kernel.txt, or the calls in sockopt.txt, to a real ip_vs
and writes its answers behind them. Run it as root in a network namespace of its
own, with lo up, where the IPVS family can be found (modprobe ip_vs), from this
directory: record.py kernel.txt.

A case is "# NAME", a request "> HEX", the answers "< HEX", a datagram a line.
Cases with "capped" in their names go through a socket with NETLINK_CAP_ACK,
those whose names begin with "extended" through one with NETLINK_EXT_ACK, and
those with "wide" through one that is read with a larger buffer.
The family's number is 1023 in the file, the asker's port id 0.

In sockopt.txt a call is "> set OPTION HEX", "> get OPTION LENGTH HEX" or, to set
something up, "> msg HEX"; its answer "< ERRNO" and, of get, the length and the
buffer, which begins as HEX and goes on with ee.
"""
import ctypes
import re
import socket
import struct
import sys

FAMILY = 1023
SIZE = 3776  # a larger buffer makes the kernel send larger datagrams of dumps
WIDE = 5000


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


def ask(s, b, size=SIZE):
    s.send(b)
    out = []
    while True:
        try:
            out.append(s.recv(size, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return out


def kind(l):
    return "capped" in l, l.startswith("# extended")


sockets = {(c, e): open_socket() for c in (False, True) for e in (False, True)}
for (capped, extended), s in sockets.items():
    s.setsockopt(270, 10, capped)  # SOL_NETLINK, NETLINK_CAP_ACK
    s.setsockopt(270, 11, extended)  # NETLINK_EXT_ACK
plain, wide = sockets[False, False], open_socket()
body = b"\x03\x01\0\0" + struct.pack("=HH", 9, 2) + b"IPVS\0\0\0\0"
answer = ask(plain, struct.pack("=IHHII", 16 + len(body), 16, 1, 1, 0) + body)[0]
family, = struct.unpack_from("=H", answer, 16 + 4 + 12 + 4)



def record(name, answers):
    """writes the file anew, with what answers gives for each line"""
    lines = [l.rstrip() for l in open(name).read().split("\n") if l and not l.startswith("<")]
    with open(name, "w") as f:
        for l in lines:
            print(l, file=f)
            for a in answers(l):
                print("<", a, file=f)


sock = plain


def message(l):
    global sock
    if l.startswith("#"):
        sock = wide if l.startswith("# wide") else sockets[kind(l)]
        return
    for b in ask(sock, translate(bytes.fromhex(l[2:]), FAMILY, family, 0), WIDE if sock is wide else SIZE):
        yield translate(b, family, FAMILY, sock.getsockname()[0]).hex()


libc = ctypes.CDLL(None, use_errno=True)
inet = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def call(l):
    if l.startswith("#"):
        return
    kind, *args = (l[2:] + " ").split(" ")
    if kind == "msg":
        b = ask(plain, translate(bytes.fromhex(args[0]), FAMILY, family, 0))[-1]
        yield -struct.unpack_from("=i", b, 16)[0]
        return
    option = 64 + 1024 + 64 + int(args[0])
    if kind == "set":
        b = bytes.fromhex(args[1])
        yield ctypes.get_errno() if libc.setsockopt(inet.fileno(), 0, option, b, len(b)) else 0
        return
    size = int(args[1])
    buf = ctypes.create_string_buffer((bytes.fromhex(args[2]) + b"\xee" * size)[:size], size)
    told = ctypes.c_uint(size)
    if libc.getsockopt(inet.fileno(), 0, option, buf, ctypes.byref(told)):
        yield ctypes.get_errno()
    else:
        yield f"0 {told.value} {buf.raw.hex()}"


record(sys.argv[1], call if sys.argv[1] == "sockopt.txt" else message)
