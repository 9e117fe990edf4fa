"""Checks of what a process is: who, where, with which limits, privileges, directories, variables and credentials."""

from __future__ import annotations

from selfcheck import SelfCheck

_LIMITS = {
    "CPU": ("30s:1min", "cpu time", "30 60"), "FSIZE": ("1G", "file size", "1073741824 1073741824"),
    "DATA": ("1G", "data size", "1073741824 1073741824"), "STACK": ("4M", "stack size", "4194304 4194304"),
    "CORE": ("0", "core file size", "0 0"), "RSS": ("1G", "resident set", "1073741824 1073741824"),
    "NOFILE": ("100:200", "open files", "100 200"), "AS": ("4G", "address space", "4294967296 4294967296"),
    "NPROC": ("500", "processes", "500 500"), "MEMLOCK": ("64K", "locked memory", "65536 65536"),
    "LOCKS": ("100", "file locks", "100 100"), "SIGPENDING": ("100", "pending signals", "100 100"),
    "MSGQUEUE": ("1000", "msgqueue size", "1000 1000"), "NICE": ("-5", "nice priority", "25 25"),
    "RTPRIO": ("50", "realtime priority", "50 50"), "RTTIME": ("1s:2s", "realtime timeout", "1000000 2000000"),
}
_KEYRING = """call '
import os, sys
keyctl = {"x86_64": 250, "i686": 288}.get(os.uname().machine, 219)
found = ctypes.create_string_buffer(4096)
size = libc.syscall(keyctl, 11, -3, found, 4096)
users = libc.syscall(keyctl, 0, -4, 0)
sys.exit(40 if size > 0 and struct.pack("i", users) in [found.raw[at:at + 4] for at in range(0, size, 4)] else 42)
'"""
#: The policy, and the nodes as a bit mask.
_MEMORY_POLICY = """call '
import os, sys
policy, nodes = ctypes.c_int(-1), ctypes.c_ulong(0)
get_mempolicy = {{"x86_64": 239, "i686": 275}}.get(os.uname().machine, 236)
libc.syscall(get_mempolicy, ctypes.byref(policy), ctypes.byref(nodes), 64, None, 0)
sys.exit(40 if (policy.value, nodes.value) == {} else 42)
'"""
_QUEUE = """systemctl start $1; id=$(cat /run/checks/$1.queue)
is test -z "$(ipcs -q | awk -v id=$id '$2 == id')" """

PROCESS: dict[str, SelfCheck] = {
    "user": SelfCheck("User=daemon", "is [ \"$(id -un) $USER\" = 'daemon daemon' ]"),
    "group": SelfCheck("Group=daemon", "is [ $(id -gn) = daemon ]"),
    "groups": SelfCheck("SupplementaryGroups=mail", "id -Gn | is grep -qw mail"),
    "dynamic-user": SelfCheck("DynamicUser=yes", "[ $(id -u) -ge 61184 ] || exit 42; both mnt"),
    "umask": SelfCheck("UMask=0027", "is [ $(umask) = 0027 ]"),
    "cwd": SelfCheck("WorkingDirectory=/usr", "is [ $(pwd) = /usr ]"),
    "root-directory": SelfCheck("RootDirectory=/check/root",
                                command="/bin/sh -c 'if [ -e /check ]; then exit 42; else exit 40; fi'"),
    "search-path": SelfCheck("ExecSearchPath=/usr/bin:/bin", "is [ $PATH = /usr/bin:/bin ]"),
    "keyring": SelfCheck("KeyringMode=shared", _KEYRING),
    "remove-ipc": SelfCheck("RemoveIPC=yes", "ipcmk -Q | sed 's/.*: //' > /run/checks/$1.queue; exit 42", "User=@user@",
                            _QUEUE),
    # --- variables
    "environment": SelfCheck("Environment=A=1", "is [ \"$A\" = 1 ]"),
    "environment-file": SelfCheck("EnvironmentFile=/check/env", "is [ \"$B\" = 'two words' ]"),
    "pass-environment": SelfCheck("PassEnvironment=FROM_OUTSIDE", "is [ \"$FROM_OUTSIDE\" = seen ]"),
    "unset-environment": SelfCheck("UnsetEnvironment=LANG", "is [ -z \"$LANG\" ]"),
    # --- limits
    **{f"limit-{name.lower()}": SelfCheck(f"Limit{name}={value}", f"limit 'Max {words}' '{shown}'")
       for name, (value, words, shown) in _LIMITS.items()},
    "limit-nofile-high": SelfCheck("LimitNOFILE=100:2000000", "limit 'Max open files' '100 2000000'"),
    # --- scheduling
    "nice": SelfCheck("Nice=7", "is [ $(nice) = 7 ]"),
    "nice-low": SelfCheck("Nice=-5", "is [ $(nice) = -5 ]"),
    "oom": SelfCheck("OOMScoreAdjust=500", "is [ $(cat /proc/self/oom_score_adj) = 500 ]"),
    "oom-low": SelfCheck("OOMScoreAdjust=-500", "is [ $(cat /proc/self/oom_score_adj) = -500 ]"),
    "scheduling": SelfCheck("CPUSchedulingPolicy=batch", "chrt -p $$ | is grep -q SCHED_BATCH"),
    "scheduling-realtime": SelfCheck("CPUSchedulingPolicy=rr", "chrt -p $$ | is grep -q SCHED_RR"),
    "scheduling-priority": SelfCheck("CPUSchedulingPriority=5", "chrt -p $$ | is grep -q 'priority: 5'",
                                     "CPUSchedulingPolicy=rr"),
    "scheduling-reset": SelfCheck("CPUSchedulingResetOnFork=yes", "chrt -p $$ | is grep -q RESET_ON_FORK",
                                  "CPUSchedulingPolicy=batch"),
    "affinity": SelfCheck("CPUAffinity=0", "is [ $(taskset -p $$ | sed 's/.*: //') = 1 ]"),
    "numa-policy": SelfCheck("NUMAPolicy=local", _MEMORY_POLICY.format("(4, 0)")),
    "numa-mask": SelfCheck("NUMAMask=0", _MEMORY_POLICY.format("(2, 1)"), "NUMAPolicy=bind"),
    "io-class": SelfCheck("IOSchedulingClass=idle", "is [ $(ionice -p $$) = idle ]"),
    "io-realtime": SelfCheck("IOSchedulingClass=realtime", "ionice -p $$ | is grep -q realtime"),
    "io-priority": SelfCheck("IOSchedulingPriority=6", "is [ \"$(ionice -p $$)\" = 'best-effort: prio 6' ]"),
    "timer-slack": SelfCheck("TimerSlackNSec=1ms", "is [ $(cat /proc/self/timerslack_ns) = 1000000 ]"),
    "personality": SelfCheck("Personality=x86", "is [ $(cat /proc/self/personality) = 00000008 ]"),
    "personality-foreign": SelfCheck("Personality=s390", "is [ $(cat /proc/self/personality) = 00000008 ]"),
    "coredump-filter": SelfCheck("CoredumpFilter=elf-headers", "is [ $(cat /proc/self/coredump_filter) = 00000010 ]"),
    "sigpipe": SelfCheck("IgnoreSIGPIPE=no", "is [ $(status SigIgn) = 0000000000000000 ]"),
    # --- privileges
    "no-new-privileges": SelfCheck("NoNewPrivileges=yes", "is [ $(status NoNewPrivs) = 1 ]"),
    "bounding-set": SelfCheck("CapabilityBoundingSet=CAP_CHOWN", "is [ $(status CapBnd) = 0000000000000001 ]"),
    "ambient": SelfCheck("AmbientCapabilities=CAP_NET_BIND_SERVICE", "is capability CapAmb 10"),
    "ambient-admin": SelfCheck("AmbientCapabilities=CAP_SYS_ADMIN", "is capability CapAmb 21"),
    "secure-bits": SelfCheck("SecureBits=noroot", "is [ $(status CapEff) = 0000000000000000 ]"),
    # --- directories
    **{f"{kind.lower()}-directory{ending}": check for kind in ("Runtime", "State", "Cache", "Logs", "Configuration")
       for ending, check in (
           ("", SelfCheck(f"{kind}Directory=%N", f"is [ -d \"${kind.upper()}_DIRECTORY\" ]")),
           ("-mode", SelfCheck(f"{kind}DirectoryMode=0711", f"is [ \"$(stat -c %a ${kind.upper()}_DIRECTORY)\" = 711 ]",
                               f"{kind}Directory=%N")))},
    "runtime-directory-preserve": SelfCheck("RuntimeDirectoryPreserve=yes", "exit 42", "RuntimeDirectory=%N",
                                            "is [ -d /run/$1 ]"),
    # --- credentials
    "load-credential": SelfCheck("LoadCredential=a:/check/env", "is cmp -s /check/env $CREDENTIALS_DIRECTORY/a"),
    "set-credential": SelfCheck("SetCredential=a:b", "is [ \"$(cat $CREDENTIALS_DIRECTORY/a)\" = b ]"),
    "import-credential": SelfCheck("ImportCredential=out*", "is [ -s $CREDENTIALS_DIRECTORY/outside ]"),
    "set-credential-encrypted": SelfCheck("SetCredentialEncrypted=a:YWJj", "is [ -e $CREDENTIALS_DIRECTORY/a ]"),
    "load-credential-encrypted": SelfCheck("LoadCredentialEncrypted=a:/check/env", "is [ -e $CREDENTIALS_DIRECTORY/a ]"),
}
