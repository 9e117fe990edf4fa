#!/usr/bin/python3 -IS
"""What somebody without rights tries against the manager, the journal and other units' processes; run inside, as nobody.

attack NAME [ARGUMENT…]; prints what came of it."""
import _socket
import errno
import os
import struct
import sys

NOTIFY = "/run/systemd/notify"
JOURNAL = "/run/systemd/journal"


def send(path, data, ancillary=()):
    sender = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK)
    try:
        sender.sendmsg([data], list(ancillary), 0, path)
        return "sent"
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        sender.close()


def rights(*fds):
    return _socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds)


def notify(main_pid):
    """Every word that could change something, from a process that is nobody's; and in another's name."""
    for text in ("READY=1", "STOPPING=1", "RELOADING=1", "STATUS=forged", "MAINPID=1", f"MAINPID={os.getpid()}", "ERRNO=5",
                 "WATCHDOG=trigger", "WATCHDOG_USEC=1", "EXTEND_TIMEOUT_USEC=1", "NOTIFYACCESS=all", "BUSERROR=forged",
                 "FDSTORE=1\nFDNAME=forged", "FDSTOREREMOVE=1\nFDNAME=kept"):
        print(send(NOTIFY, text.encode(), [rights(0)] if text.startswith("FDSTORE=") else ()))
    for pid, uid in ((int(main_pid), os.getuid()), (1, 0), (os.getpid(), 0)):
        forged = _socket.SOL_SOCKET, _socket.SCM_CREDENTIALS, struct.pack("iII", pid, uid, uid)
        print(send(NOTIFY, b"STATUS=forged", [forged]))


def flood(count):
    """More than is taken in one wake-up, and larger than any message may be."""
    found = {send(NOTIFY, b"STATUS=flood") for _ in range(int(count))}
    found.add(send(NOTIFY, b"STATUS=" + b"x" * 100_000))
    found.add(send(NOTIFY, b"FDSTORE=1", [rights(*[0] * 253)]))
    found.add(send(NOTIFY, b""))
    print(sorted(found))


def journal(unit):
    """Entries that claim to be another's: by the native protocol, by syslog, and by a stream of the kind services have."""
    fields = {"MESSAGE": "forged native", "_UID": "0", "_GID": "0", "_PID": "1", "_COMM": "forged", "_EXE": "/forged",
              "_SYSTEMD_UNIT": unit, "_SYSTEMD_CGROUP": "/forged", "_SYSTEMD_INVOCATION_ID": "0" * 32, "_TRANSPORT": "stdout",
              "_HOSTNAME": "forged", "_BOOT_ID": "0" * 32, "__CURSOR": "forged", "__REALTIME_TIMESTAMP": "1"}
    print(send(f"{JOURNAL}/socket", "".join(f"{name}={value}\n" for name, value in fields.items()).encode()))
    print(send(f"{JOURNAL}/dev-log", f"<14>{unit}[1]: forged syslog".encode()))
    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    stream.connect(f"{JOURNAL}/stdout")
    stream.sendall(f"forged\n{unit}\n6\n0\n0\n0\n0\nforged stream\n".encode())
    stream.close()


def connect(*paths):
    for path in paths:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            sock.connect(path)
            print(path, "connected")
        except OSError as error:
            print(path, errno.errorcode[error.errno])


def read(*paths):
    """Files that may be read, of these."""
    for path in paths:
        try:
            if os.path.isdir(path):
                os.listdir(path)
            else:
                with open(path, "rb") as file:
                    file.read(1)
            print(path)
        except OSError:
            continue


def swap(directory, victim):
    """A directory and a link to what is not ours change places for ever; says its number once it has begun."""
    os.chdir(directory)
    os.symlink(victim, "spare")
    print(os.getpid(), flush=True)
    while True:
        for source, target in (("inner", "aside"), ("spare", "inner"), ("inner", "spare"), ("aside", "inner")):
            try:
                os.rename(source, target)
            except OSError:
                continue


{each.__name__: each for each in (notify, flood, journal, connect, read, swap)}[sys.argv[1]](*sys.argv[2:])
