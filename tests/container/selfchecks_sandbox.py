"""Checks of what units take away from their processes (systemd.exec(5), SANDBOXING and SYSTEM CALL FILTERING)."""

from __future__ import annotations

from selfcheck import SelfCheck

_JOINED = "own {0} && is [ \"$(readlink /proc/self/ns/{0})\" = \"$(cat /run/checks/holder-{0})\" ]; exit 42"
_EXCEPTED = "flagged /var/lib {} && exit 42; is mounted /var/lib"

SANDBOX: dict[str, SelfCheck] = {
    "filter": SelfCheck("SystemCallFilter=~mkdir:ENOTTY", "try 'os.mkdir(\"/proc/x\")'; is [ $? = 25 ]"),
    "filter-error": SelfCheck("SystemCallErrorNumber=EUCLEAN", "try 'os.mkdir(\"/proc/x\")'; is [ $? = 117 ]",
                              "SystemCallFilter=~mkdir"),
    "filter-allows": SelfCheck("SystemCallFilter=@system-service",
                               "/usr/bin/python3 -ISc 'import os; os.chroot(\"/\")'; is [ $? = 159 ]"),
    "architectures": SelfCheck("SystemCallArchitectures=native", "is filters"),
    "filter-log": SelfCheck("SystemCallLog=mount", "is filters"),
    "address-families": SelfCheck("RestrictAddressFamilies=AF_UNIX",
                                  "try 'import _socket; _socket.socket(2, 1)'; is [ $? = 97 ]"),
    "namespaces": SelfCheck("RestrictNamespaces=yes", "is filters"),
    "realtime": SelfCheck("RestrictRealtime=yes",
                          "try 'os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))'; "
                          "is [ $? = 1 ]"),
    "suid": SelfCheck("RestrictSUIDSGID=yes", ": > /run/checks/$1; chmod 4755 /run/checks/$1 2>/dev/null; is [ $? != 0 ]"),
    "lock-personality": SelfCheck("LockPersonality=yes", "setarch --addr-no-randomize true 2>/dev/null; is [ $? != 0 ]"),
    "write-execute": SelfCheck("MemoryDenyWriteExecute=yes", "is filters"),
    "lock-keeping-privileges": SelfCheck("LockPersonality=yes", "is filters", "NoNewPrivileges=no"),
    # --- namespaces
    "tmp": SelfCheck("PrivateTmp=yes",
                     "is grep -q ' /systemd-private[^ ]* /tmp \\|/systemd-private.*/tmp /tmp ' /proc/self/mountinfo"),
    "mounts": SelfCheck("PrivateMounts=yes", "is own mnt"),
    "mount-flags": SelfCheck("MountFlags=slave", "is own mnt"),
    "devices": SelfCheck("PrivateDevices=yes", "filters || exit 42; both mnt"),
    "system": SelfCheck("ProtectSystem=yes", "is flagged /usr ro"),
    "system-full": SelfCheck("ProtectSystem=full", "is flagged /etc ro"),
    "system-strict": SelfCheck("ProtectSystem=strict", "own mnt && is flagged / ro; exit 42", "ReadWritePaths=/var"),
    "home": SelfCheck("ProtectHome=yes", "is flagged /home noexec"),
    "home-read-only": SelfCheck("ProtectHome=read-only", "is flagged /home ro"),
    "home-tmpfs": SelfCheck("ProtectHome=tmpfs", "is mounted /home"),
    "read-only": SelfCheck("ReadOnlyPaths=/var", "is flagged /var ro"),
    "read-only-old": SelfCheck("ReadOnlyDirectories=/var", "is flagged /var ro"),
    "read-write": SelfCheck("ReadWritePaths=/var/lib", _EXCEPTED.format("ro"), "ReadOnlyPaths=/var"),
    "read-write-old": SelfCheck("ReadWriteDirectories=/var/lib", _EXCEPTED.format("ro"), "ReadOnlyPaths=/var"),
    "inaccessible": SelfCheck("InaccessiblePaths=/var/lib", "is flagged /var/lib noexec"),
    "inaccessible-old": SelfCheck("InaccessibleDirectories=/var/lib", "is flagged /var/lib noexec"),
    "no-exec": SelfCheck("NoExecPaths=/var", "is flagged /var noexec"),
    "exec": SelfCheck("ExecPaths=/var/lib", _EXCEPTED.format("noexec"), "NoExecPaths=/var"),
    "bind": SelfCheck("BindPaths=/usr:/mnt", "is test -d /mnt/bin"),
    "bind-read-only": SelfCheck("BindReadOnlyPaths=/usr:/mnt", "is flagged /mnt ro"),
    "temporary": SelfCheck("TemporaryFileSystem=/mnt", "is mounted /mnt"),
    "api-file-systems": SelfCheck("MountAPIVFS=no", more="RootDirectory=/check/root",
                                  command="/bin/sh -c 'if [ -e /proc/version ]; then exit 42; else exit 40; fi'"),
    "api-file-systems-wanted": SelfCheck("MountAPIVFS=yes", more="RootDirectory=/check/root\nMountAPIVFS=no",
                                         command="/bin/sh -c 'if [ -e /proc/version ]; then exit 40; else exit 42; fi'"),
    "tunables": SelfCheck("ProtectKernelTunables=yes", "filters || exit 42; both mnt"),
    "modules": SelfCheck("ProtectKernelModules=yes", "filters || exit 42; both mnt"),
    "kernel-logs": SelfCheck("ProtectKernelLogs=yes", "filters || exit 42; both mnt"),
    "control-groups": SelfCheck("ProtectControlGroups=yes", "is own mnt"),
    "clock": SelfCheck("ProtectClock=yes", "filters || exit 42; exit 41"),
    "hostname": SelfCheck("ProtectHostname=yes", "filters || exit 42; both uts"),
    "proc": SelfCheck("ProtectProc=invisible", "is grep -q hidepid=invisible /proc/self/mountinfo"),
    "proc-subset": SelfCheck("ProcSubset=pid", "is grep -q subset=pid /proc/self/mountinfo"),
    "network": SelfCheck("PrivateNetwork=yes", "own net && is test -n \"$(grep lo: /proc/net/dev)\"; exit 42"),
    "network-path": SelfCheck("NetworkNamespacePath=/run/checks/net", _JOINED.format("net")),
    "ipc": SelfCheck("PrivateIPC=yes", "is own ipc"),
    "ipc-path": SelfCheck("IPCNamespacePath=/run/checks/ipc", _JOINED.format("ipc")),
    "users": SelfCheck("PrivateUsers=yes", "is own user"),
}
