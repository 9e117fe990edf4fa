#!/usr/bin/python3 -IS
"""What a process of a unit finds itself with, written to /t/out/NAME as Python's repr: descriptors, environment, identity.

Runs inside, with python3-minimal alone: look NAME [WORD…], each word something to do."""
import _signal
import _socket
import os
import struct
import sys


def descriptors():
    """Number → what it leads to; the one that lists them left out."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
    return found


def status():
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def environment():
    with open("/proc/self/environ", "rb") as file:
        return dict(each.split("=", 1) for each in os.fsdecode(file.read()).split("\0") if each)


def outcome(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror
    return "done"


def ways_back():
    """What a process does that wants back what was taken from it, each in a child of its own."""
    wishes = {"setuid": (os.setresuid, 0, 0, 0), "setgid": (os.setresgid, 0, 0, 0), "setgroups": (os.setgroups, [0]),
              "chown": (os.chown, "/t/out", 0, 0), "mknod": (os.mknod, f"/tmp/node{os.getpid()}", 0o020600, os.makedev(1, 3)),
              "chroot": (os.chroot, "/tmp")}
    found = {}
    for name, (function, *arguments) in wishes.items():
        reading, writing = os.pipe()
        if not os.fork():
            os.write(writing, outcome(function, *arguments).encode())
            os._exit(0)
        os.wait()
        found[name] = os.read(reading, 100).decode()
        os.close(reading)
        os.close(writing)
    # A program that is root's by its mode: what may be had back by executing it.
    reading, writing = os.pipe()
    os.posix_spawn("/usr/local/bin/suid", ["suid", "^CapEff\\|^Uid", "/proc/self/status"], {},
                   file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)])
    os.wait()
    os.close(writing)
    found["suid"] = dict(line.split(":\t", 1) for line in os.read(reading, 200).decode().splitlines())
    os.close(reading)
    return found


def notify(text, fds=()):
    sender = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
    sender.sendmsg([text.encode()], ancillary, 0, os.environ["NOTIFY_SOCKET"])
    sender.close()


def main(name, words):
    if "daemon" in words and os.fork():
        os._exit(0)
    found = {"fds": descriptors(), "environment": environment(), "status": status(), "pid": os.getpid()}
    if "privileges" in words:
        found["back"] = ways_back()
    if "secret" in words:
        place = environment()["CREDENTIALS_DIRECTORY"]
        found["secrets"] = {each: open(f"{place}/{each}").read() for each in os.listdir(place)}
    growing = f"/t/out/.{name}.{os.getpid()}"
    with open(growing, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(repr(found))
    os.rename(growing, f"/t/out/{name}")
    if "pty" in words:
        _, terminal = os.openpty()
        os.symlink(os.readlink(f"/proc/self/fd/{terminal}"), "/run/t/tty")
    if "store" in words:
        notify("FDSTORE=1\nFDNAME=kept", [os.memfd_create("kept")])
    if {"ready", "store", "pty"} & set(words):
        notify("READY=1")
    while "stay" in words:
        _signal.pause()


main("generator" if sys.argv[1].startswith("/run/") else sys.argv[1], sys.argv[2:])
