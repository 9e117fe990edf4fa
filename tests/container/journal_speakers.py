"""Runs in the container: one service that writes numbered lines, and says how long it was held up.

    journal_speakers.py NAME KIND

KIND is steady (a line at a time), halves (each in two writes), loud (blocks of lines), syslog (datagrams to /dev/log), or
caller (a new stream to the journal for every few lines). The number of the last line that was handed over, the longest
time that one write took, and how many calls had to be made again, are always to be read in /run/said/NAME.
"""

import os
import socket
import struct
import sys
import time

SAID = struct.Struct("<QQQ")
STREAM = "/run/systemd/journal/stdout"
#: Lines of a block, or of a stream.
SOME = 50
PAUSES = {"steady": 0.002, "halves": 0.003, "loud": 0.02, "syslog": 0.003, "caller": 0.03}


def lines(name, first, count):
    return "".join([f"{name} {number} {'x' * 70}\n" for number in range(first, first + count)]).encode()


def call(name, data):
    """How often it had to be tried. A journal that is killed just when it has taken a call cannot have told of it."""
    broken = 0
    while not may_call(name, data):
        broken += 1
    return broken


def may_call(name, data):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(STREAM)
        try:
            sock.sendall(f"{name}\n\n30\n0\n0\n0\n0\n".encode())
            sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True


def main(name, kind):
    os.makedirs("/run/said", exist_ok=True)
    said = os.open("/run/said/" + name, os.O_RDWR | os.O_CREAT)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if kind == "syslog":
        log.connect("/dev/log")
    count = {"loud": SOME, "caller": 3}.get(kind, 1)
    number = longest = broken = 0
    while True:
        data = lines(name, number + 1, count)
        began = time.monotonic_ns()
        if kind == "syslog":
            log.send(b"<30>speaker: " + data[:-1])
        elif kind == "caller":
            broken += call(name, data)
        elif kind == "halves":
            os.write(1, data[:40])
            os.write(1, data[40:])
        else:
            while data:
                data = data[os.write(1, data):]
        number += count
        longest = max(longest, time.monotonic_ns() - began)
        os.pwrite(said, SAID.pack(number, longest, broken), 0)
        time.sleep(PAUSES[kind])


if __name__ == "__main__":
    main(*sys.argv[1:])
