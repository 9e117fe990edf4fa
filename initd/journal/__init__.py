"""The journal: a process of its own, so that log bytes never pass through PID 1.

How the manager starts it
-------------------------
The manager binds the sockets, keeps them open for as long as it lives, and spawns

    python3 -IS LIB/initd/journal/__main__.py ROOT RUN

(the directories that stand for / and /run; without them nothing is stored and no file is read) with the sockets as
descriptors 3, 4, … and the two variables of sd_listen_fds(3):

    LISTEN_FDS=3  LISTEN_FDNAMES=stdout:socket:dev-log

| name    | path                         | kind                   | carries |
|---------|------------------------------|------------------------|---------|
| stdout  | /run/systemd/journal/stdout  | SOCK_STREAM, listening | a header, then lines: every service's output |
| socket  | /run/systemd/journal/socket  | SOCK_DGRAM             | native entries: libsystemd, the manager itself |
| dev-log | /run/systemd/journal/dev-log | SOCK_DGRAM             | syslog(3); /dev/log points there |

They should have SO_PASSCRED set from the start: what is sent before carries no sender. Any of them may be missing;
$LISTEN_PID is not asked for, the manager cannot know it before the fork. Descriptor 1 is the container's stdout, 2 its
stderr, where the journal reports its own troubles. $PYINIT_LOG says how lines look on the stdout: `unit` (the default),
`plain`, `json` or `none`.

The manager starts it with every signal blocked, so that none is lost before its handlers stand; then it unblocks them.
SIGTERM means: no client is left; read what is there, write it out, exit 0. SIGUSR1, SIGUSR2 and SIGRTMIN+1 flush to /var,
rotate and synchronize (systemd-journald(8)), and so do the methods of the varlink socket
/run/systemd/journal/io.systemd.journal, which answers when it is done. SIGINT and SIGHUP (a terminal's) are ignored.

A container's stdout that nobody reads holds the journal in its write, the journal then reads no more, and services
wait as they would on a full pipe. Nothing is dropped, and memory stays bounded. Therefore the manager, which must never
wait, sends its own entries with MSG_DONTWAIT and keeps them when told EAGAIN. The store is another matter: it is never
waited for, and what it cannot take it drops, counts and says.
"""
