"""The units whose view of the machine is compared, and the script that says what they see.

name → lines of [Service]. Every unit runs `LOOK`, which writes one line a fact to its standard output. `PREPARE` is run in
the container first, so that there is something to hide, to bind and to write to.
"""

from __future__ import annotations

CASES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "private-tmp": ("PrivateTmp=yes",),
    "private-devices": ("PrivateDevices=yes",),
    "private-mounts": ("PrivateMounts=yes",),
    "mount-flags-shared": ("MountFlags=shared",),
    "mount-flags-slave": ("MountFlags=slave",),
    "mount-flags-private": ("MountFlags=private",),
    "protect-system": ("ProtectSystem=yes",),
    "protect-system-full": ("ProtectSystem=full",),
    "protect-system-strict": ("ProtectSystem=strict",),
    "strict-write": ("ProtectSystem=strict", "ReadWritePaths=/etc/wt -/nonexistent /var/lib/wt/a"),
    "strict-state": ("ProtectSystem=strict", "StateDirectory=wtstate", "RuntimeDirectory=wtrun", "LogsDirectory=wtlogs"),
    "strict-tmp": ("ProtectSystem=strict", "PrivateTmp=yes", "PrivateDevices=yes"),
    "full-write": ("ProtectSystem=full", "ReadWritePaths=/etc /usr/local"),
    "protect-home": ("ProtectHome=yes",),
    "protect-home-read-only": ("ProtectHome=read-only",),
    "protect-home-tmpfs": ("ProtectHome=tmpfs",),
    "home-tmpfs-bind": ("ProtectHome=tmpfs", "BindPaths=/home/wt", "BindReadOnlyPaths=/root/wt"),
    "strict-home": ("ProtectSystem=strict", "ProtectHome=yes"),
    "tunables": ("ProtectKernelTunables=yes",),
    "modules": ("ProtectKernelModules=yes",),
    "logs": ("ProtectKernelLogs=yes",),
    "control-groups": ("ProtectControlGroups=yes",),
    "hostname": ("ProtectHostname=yes",),
    "proc-noaccess": ("ProtectProc=noaccess", "User=daemon"),
    "proc-invisible": ("ProtectProc=invisible", "User=daemon"),
    "proc-ptraceable": ("ProtectProc=ptraceable", "User=daemon"),
    "proc-subset": ("ProcSubset=pid",),
    "proc-both": ("ProtectProc=invisible", "ProcSubset=pid"),
    "read-only": ("ReadOnlyPaths=/var/lib/wt /etc/wt/file",),
    "read-only-root": ("ReadOnlyPaths=/", "ReadWritePaths=/var /run"),
    "read-only-nested": ("ReadOnlyPaths=/var/lib/wt", "ReadWritePaths=/var/lib/wt/a", "ReadOnlyPaths=/var/lib/wt/a/b"),
    "read-only-link": ("ReadOnlyPaths=/var/lib/link",),
    "read-only-submount": ("ReadOnlyPaths=/var/lib/wt/", "ReadWritePaths=/var/lib/wt/mounted/deep"),
    "read-only-missing": ("ReadOnlyPaths=/nonexistent",),
    "read-only-missing-ok": ("ReadOnlyPaths=-/nonexistent",),
    "inaccessible": ("InaccessiblePaths=/var/lib/wt /etc/wt/file /dev/full /run/wt-fifo",),
    "inaccessible-nested": ("InaccessiblePaths=/var/lib/wt", "ReadWritePaths=/var/lib/wt/a"),
    "inaccessible-missing": ("InaccessiblePaths=/nonexistent",),
    "no-exec": ("NoExecPaths=/var/lib/wt", "ExecPaths=/var/lib/wt/a"),
    "no-exec-root": ("NoExecPaths=/", "ExecPaths=/usr /lib /lib64 /bin"),
    "bind": ("BindPaths=/etc/wt:/mnt",),
    "bind-new": ("BindPaths=/etc/wt:/run/wt-new/deep /etc/wt/file:/run/wt-new/file",),
    "bind-read-only": ("BindReadOnlyPaths=/var/lib/wt:/mnt",),
    "bind-not-recursive": ("BindPaths=/var/lib/wt:/mnt:norbind",),
    "bind-missing": ("BindPaths=/nonexistent:/mnt",),
    "bind-missing-ok": ("BindPaths=-/nonexistent:/mnt",),
    "bind-strict": ("ProtectSystem=strict", "BindPaths=/var/lib/wt:/mnt"),
    "tmpfs": ("TemporaryFileSystem=/var/lib/wt /mnt:ro,size=1M,mode=0700",),
    "tmpfs-options": ("TemporaryFileSystem=/mnt:noexec,nosuid,dev,nostrictatime,size=10%",),
    "tmpfs-bind": ("TemporaryFileSystem=/var:ro", "BindReadOnlyPaths=/var/lib/wt"),
    "tmpfs-strict": ("ProtectSystem=strict", "TemporaryFileSystem=/var/lib/wt"),
    "root": ("RootDirectory=/srv/root",),
    "root-api": ("RootDirectory=/srv/root", "MountAPIVFS=yes"),
    "root-api-devices": ("RootDirectory=/srv/root", "MountAPIVFS=yes", "PrivateDevices=yes", "PrivateTmp=yes"),
    "root-bind": ("RootDirectory=/srv/root", "BindReadOnlyPaths=/etc/wt:/data", "ReadOnlyPaths=+/tmp"),
    "root-strict": ("RootDirectory=/srv/root", "ProtectSystem=strict", "ReadWritePaths=+/var"),
    "root-state": ("RootDirectory=/srv/root", "StateDirectory=wtstate", "RuntimeDirectory=wtrun"),
    "api": ("MountAPIVFS=yes",),
    "network": ("PrivateNetwork=yes",),
    "network-path": ("NetworkNamespacePath=/proc/1/ns/net",),
    "ipc": ("PrivateIPC=yes",),
    "ipc-path": ("IPCNamespacePath=/proc/1/ns/ipc",),
    "users": ("PrivateUsers=yes",),
    "users-user": ("PrivateUsers=yes", "User=daemon", "Group=mail"),
    "users-mounts": ("PrivateUsers=yes", "ProtectSystem=strict", "PrivateTmp=yes"),
    "no-new-privileges": ("NoNewPrivileges=yes", "ProtectSystem=yes"),
    "hardened": (
        "User=daemon", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
        "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes",
        "ProtectHostname=yes", "ProtectClock=yes", "ProtectProc=invisible", "PrivateNetwork=yes", "PrivateIPC=yes",
        "ReadWritePaths=/var/lib/wt/a", "StateDirectory=wtstate",
    ),
    "full-privileges": ("ExecStart=", "ExecStart=+/usr/local/bin/look", "ProtectSystem=strict", "PrivateNetwork=yes",
                        "PrivateTmp=yes", "ProtectHostname=yes", "PrivateIPC=yes", "User=daemon"),
}

#: What is looked at: "path|kind mode owner|writable|executable mount|how many entries or bytes".
PATHS = (
    "/ /bin /usr /usr/local /usr/lib/modules /boot /etc /etc/wt /etc/wt/file /var /var/lib /var/lib/wt "
    "/var/lib/wt/a /var/lib/wt/a/b /var/lib/wt/mounted /var/lib/wt/mounted/deep /var/lib/link/ /var/lib/wtstate "
    "/var/log/wtlogs /run/wtrun /tmp /var/tmp /home /home/wt /root /root/wt /run /run/user /run/wt-socket "
    "/run/wt-fifo /run/wt-new/deep /run/wt-new/file /mnt /mnt/mounted /srv /data /dev /dev/null /dev/kmsg /dev/shm "
    "/dev/pts /dev/ptmx /dev/mqueue /dev/console /dev/fuse /proc /proc/sys /proc/sys/kernel/hostname /proc/kallsyms "
    "/proc/kcore /proc/kmsg /proc/sysrq-trigger /proc/irq /proc/1 /proc/self/status /proc/meminfo /sys /sys/kernel "
    "/sys/fs/cgroup /nonexistent "
).split()

PREPARE = r"""
mkdir -p /etc/wt /var/lib/wt/a/b /var/lib/wt/mounted /home/wt /root/wt /run/user /boot /usr/lib/modules
echo data > /etc/wt/file
mount -t tmpfs -o nosuid tmpfs /var/lib/wt/mounted
mkdir -p /var/lib/wt/mounted/deep
ln -sfn wt /var/lib/link
mkfifo /run/wt-fifo
: > /tmp/outside; : > /var/tmp/outside; : > /home/wt/file; : > /var/lib/wt/a/b/file; : > /dev/shm/outside
mkdir -p /srv/root/usr /srv/root/etc /srv/root/var /srv/root/tmp /srv/root/proc /srv/root/sys /srv/root/dev /srv/root/run
mkdir -p /srv/root/data /srv/root/var/tmp
cp -a /usr/. /srv/root/usr/
cp -a /bin /lib /lib64 /sbin /srv/root/ 2>/dev/null || :
cp /etc/passwd /etc/group /srv/root/etc/
"""

LOOK = r"""#!/bin/sh
LC_ALL=C; export LC_ALL
for path in PATHS; do
    facts=$(stat -L -c '%F %a %U:%G' "$path" 2>/dev/null) || facts=-
    if [ -w "$path" ]; then writable=w; else writable=-; fi
    case $facts in directory*) count=$(ls -A "$path" 2>/dev/null | wc -l);; *) count=;; esac
    echo "path|$path|$facts|$writable|$count"
done
[ -r /proc/self/mountinfo ] && sed 's/^/mount|/' /proc/self/mountinfo
for name in mnt net ipc uts user pid cgroup; do echo "namespace|$name|$(readlink /proc/self/ns/$name)"; done
sed -n 's/^\(NoNewPrivs\|Seccomp\|CapEff\|CapBnd\|Uid\|Gid\):[[:space:]]*/status|\1|/p' /proc/self/status
echo "map|uid|$(cat /proc/self/uid_map)"
echo "map|gid|$(cat /proc/self/gid_map)"
echo "network|$(sed -n 's/^ *\([a-z0-9]*\):.*/\1/p' /proc/net/dev | sort | tr '\n' ' ')"
echo "network|lo|$(cat /sys/class/net/lo/operstate 2>/dev/null)"
echo "address|$(grep -c 127.0.0.1 /proc/net/fib_trie)"
echo "devices|$(ls /dev | sort | tr '\n' ' ')"
echo "processes|$(ls /proc | grep -c '^[0-9]')"
: > /tmp/inside 2>/dev/null && echo "made|/tmp/inside"
: > /dev/shm/inside 2>/dev/null && echo "made|/dev/shm/inside"
echo "done|"
""".replace("PATHS", " ".join(PATHS))


def unit(name: str, directory: str) -> str:
    return "\n".join(("[Service]", "Type=oneshot", "RemainAfterExit=yes", "ExecStart=/usr/local/bin/look",
                      f"StandardOutput=append:{directory}/{name}", "StandardError=null", *CASES[name], ""))
