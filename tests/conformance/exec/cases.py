"""One-directive services: what is set, what stands around it, and what is looked at afterwards.

A case is a service whose program, probe.sh, writes down what it finds itself to be. `before` runs in front of its start
and `after` behind its end, both as shell scripts of the container; what `after` prints belongs to the answer.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    settings: str
    before: str = ""
    after: str = ""
    #: A program of its own instead of the probe.
    command: str = ""
    #: The container it runs in: of `run.CONTAINERS`.
    where: str = "default"


_LIST = "find {} -printf '%p %y %m %U %G %l\\n' 2>/dev/null | LC_ALL=C sort"
_SHOW = "cat /run/out 2>/dev/null"
_STTY = "stty -a < /dev/pts/PTY | sed 1d; stty sane < /dev/pts/PTY"
_SPOIL = "/bin/sh -c 'stty -echo -icanon -onlcr < /dev/pts/PTY'"
#: What the other end of the terminal got to read.
_WRITTEN = "for i in 1 2 3 4 5 6 7 8 9; do [ -s /probe/pty.out ] && break; sleep 0.1; done; od -An -c /probe/pty.out"
#: Somebody who has the terminal open, and says when it was hung up; the second as soon as the service runs.
_READS = ("rm -f /run/hung /run/opened; setsid sh -c 'trap : HUP; exec 3<>/dev/pts/PTY; : > /run/opened; read x <&3; echo hung > /run/hung' &\n"
          "until [ -e /run/opened ]; do sleep 0.05; done")
_READS_LATER = ("rm -f /run/hung /run/opened /run/inside; setsid sh -c 'trap : HUP; until [ -e /run/inside ]; do sleep 0.05; done; "
                "exec 3<>/dev/pts/PTY; : > /run/opened; read x <&3; echo hung > /run/hung' &")
_HUNG = "for i in 1 2 3 4 5 6 7 8 9; do [ -s /run/hung ] && break; sleep 0.1; done; cat /run/hung"

#: name → case.
CASES: dict[str, Case] = {
    "nothing": Case(""),
    # --- who
    "user": Case("User=daemon"),
    "user-root": Case("User=root"),
    "user-number": Case("User=2"),
    "user-unknown-number": Case("User=12345"),
    "user-unknown": Case("User=doesnotexist"),
    "user-nobody": Case("User=nobody"),
    "user-of-shell": Case("User=someone"),
    "group": Case("Group=daemon"),
    "group-unknown": Case("Group=doesnotexist"),
    "group-unknown-number": Case("Group=54321"),
    "user-group": Case("User=daemon\nGroup=mail"),
    "user-groups": Case("User=daemon\nGroup=mail\nSupplementaryGroups=tty disk"),
    "groups-alone": Case("SupplementaryGroups=tty"),
    "groups-unknown": Case("SupplementaryGroups=doesnotexist"),
    "groups-of-database": Case("User=games", before="usermod -aG tty,mail games"),
    "umask": Case("UMask=0027"),
    "umask-0": Case("UMask=0"),
    # --- where
    "cwd": Case("WorkingDirectory=/usr"),
    "cwd-missing": Case("WorkingDirectory=/nonexist"),
    "cwd-missing-fine": Case("WorkingDirectory=-/nonexist"),
    "cwd-home": Case("WorkingDirectory=~"),
    "cwd-home-user": Case("WorkingDirectory=~\nUser=someone"),
    "cwd-home-nobody": Case("WorkingDirectory=~\nUser=nobody"),
    "cwd-closed": Case("WorkingDirectory=/root\nUser=daemon", before="chmod 700 /root"),
    "root-directory-missing": Case("RootDirectory=/nonexist"),
    # --- limits
    "limit-nofile": Case("LimitNOFILE=1024:2048"),
    "limit-nofile-high": Case("LimitNOFILE=65536"),
    "limit-nofile-infinity": Case("LimitNOFILE=infinity"),
    "limit-nproc": Case("LimitNPROC=100000"),
    "limit-core": Case("LimitCORE=infinity"),
    "limit-core-0": Case("LimitCORE=0"),
    "limit-memlock": Case("LimitMEMLOCK=infinity"),
    "limit-rtprio": Case("LimitRTPRIO=50"),
    "limit-nice": Case("LimitNICE=-5"),
    "limit-fsize": Case("LimitFSIZE=1G:2G"),
    "limit-data": Case("LimitDATA=1G"),
    "limit-stack": Case("LimitSTACK=4M"),
    "limit-as": Case("LimitAS=4G"),
    "limit-rss": Case("LimitRSS=1G"),
    "limit-cpu": Case("LimitCPU=30s:1min"),
    "limit-locks": Case("LimitLOCKS=100"),
    "limit-sigpending": Case("LimitSIGPENDING=100"),
    "limit-msgqueue": Case("LimitMSGQUEUE=1000"),
    # --- scheduling
    "nice": Case("Nice=5"),
    "nice-low": Case("Nice=-5"),
    "oom": Case("OOMScoreAdjust=500"),
    "oom-low": Case("OOMScoreAdjust=-500"),
    "sched-batch": Case("CPUSchedulingPolicy=batch"),
    "sched-idle": Case("CPUSchedulingPolicy=idle"),
    "sched-rr": Case("CPUSchedulingPolicy=rr"),
    "sched-reset": Case("CPUSchedulingPolicy=batch\nCPUSchedulingResetOnFork=yes"),
    "io-idle": Case("IOSchedulingClass=idle"),
    "io-best-effort": Case("IOSchedulingClass=best-effort\nIOSchedulingPriority=7"),
    "io-priority": Case("IOSchedulingPriority=2"),
    "io-realtime": Case("IOSchedulingClass=realtime"),
    "affinity": Case("CPUAffinity=0"),
    "affinity-absent": Case("CPUAffinity=9999"),
    "timer-slack": Case("TimerSlackNSec=1ms"),
    "personality": Case("Personality=x86"),
    "coredump-filter": Case("CoredumpFilter=private-anonymous elf-headers"),
    "coredump-filter-default": Case("CoredumpFilter=default"),
    "coredump-filter-all": Case("CoredumpFilter=all"),
    "sigpipe": Case("IgnoreSIGPIPE=no"),
    "keyring-shared": Case("KeyringMode=shared"),
    "keyring-inherit": Case("KeyringMode=inherit"),
    # --- privileges
    "no-new-privileges": Case("NoNewPrivileges=yes"),
    "bounding": Case("CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_CHOWN"),
    "bounding-absent": Case("CapabilityBoundingSet=CAP_SYS_ADMIN CAP_CHOWN"),
    "bounding-empty": Case("CapabilityBoundingSet="),
    "bounding-inverted": Case("CapabilityBoundingSet=~CAP_CHOWN"),
    "bounding-user": Case("CapabilityBoundingSet=CAP_CHOWN\nUser=daemon"),
    "ambient": Case("User=daemon\nAmbientCapabilities=CAP_NET_BIND_SERVICE"),
    "ambient-root": Case("AmbientCapabilities=CAP_NET_BIND_SERVICE"),
    "ambient-absent": Case("User=daemon\nAmbientCapabilities=CAP_NET_BIND_SERVICE CAP_SYS_ADMIN"),
    "ambient-all-absent": Case("User=daemon\nAmbientCapabilities=CAP_SYS_RAWIO"),
    "ambient-bounded": Case("User=daemon\nCapabilityBoundingSet=CAP_CHOWN CAP_FOWNER\nAmbientCapabilities=CAP_CHOWN"),
    "ambient-outside": Case("User=daemon\nCapabilityBoundingSet=CAP_CHOWN\nAmbientCapabilities=CAP_FOWNER"),
    "ambient-bounding-secure": Case("User=daemon\nAmbientCapabilities=CAP_CHOWN\nSecureBits=keep-caps"),
    "secure-noroot": Case("SecureBits=noroot"),
    "secure-noroot-user": Case("SecureBits=noroot no-setuid-fixup\nUser=daemon"),
    "secure-keep-caps": Case("SecureBits=keep-caps\nUser=daemon"),
    "secure-locked": Case("SecureBits=noroot-locked keep-caps-locked"),
    "nnp-user": Case("NoNewPrivileges=yes\nUser=daemon"),
    # --- environment
    "environment": Case("Environment=A=1 \"B=two words\" C=$$x D=%%h E=%n"),
    "environment-path": Case("Environment=PATH=/bin HOME=/other USER=me"),
    "environment-user": Case("User=someone\nEnvironment=HOME=/other"),
    "pass-environment": Case("PassEnvironment=FROM_OUTSIDE NOT_THERE container"),
    "unset-environment": Case("Environment=A=1 B=2 C=3\nUnsetEnvironment=A B=2 C=4 PATH"),
    "environment-file": Case("EnvironmentFile=/run/env", before="printf 'A=1\\n# x\\nB=\"q r\" s\\nC=\\x27l\\x27\\nA=2\\nbad-name=3\\n' > /run/env"),
    "environment-file-missing": Case("EnvironmentFile=/nonexist"),
    "environment-file-missing-fine": Case("EnvironmentFile=-/nonexist"),
    "environment-file-glob": Case("EnvironmentFile=/run/envs/*.env", before="mkdir -p /run/envs; echo 'A=1\nB=1' > /run/envs/1.env; echo 'B=2' > /run/envs/2.env"),
    "environment-file-glob-none": Case("EnvironmentFile=/run/none/*.env"),
    "environment-file-glob-none-fine": Case("EnvironmentFile=-/run/none/*.env"),
    "environment-file-directory": Case("EnvironmentFile=/run"),
    "environment-file-directory-fine": Case("EnvironmentFile=-/run"),
    "environment-file-two": Case("EnvironmentFile=-/nonexist\nEnvironmentFile=/run/env\nEnvironment=A=0"),
    "environment-file-specifier": Case("EnvironmentFile=/run/%N.env", before="echo A=1 > /run/case-environment-file-specifier.env"),
    "environment-file-closed": Case("User=daemon\nEnvironmentFile=/run/env600", before="echo A=1 > /run/env600; chmod 600 /run/env600"),
    "exec-search-path": Case("ExecSearchPath=/usr/bin:/opt/bin"),
    "exec-search-path-finds": Case("ExecSearchPath=/opt/bin", command="mine %n",
                                   before="mkdir -p /opt/bin; cp /probe/probe.sh /opt/bin/mine-program; "
                                          "printf '#!/bin/sh\\nPATH=/usr/bin:/bin exec /probe/probe.sh /probe/out/$1\\n' > /opt/bin/mine; chmod 755 /opt/bin/mine"),
    "exec-search-path-environment": Case("ExecSearchPath=/opt/bin:/usr/bin\nEnvironment=PATH=/bin"),
    # --- directories
    "runtime-directory": Case("RuntimeDirectory=d1", after=_LIST.format("/run/d1")),
    "runtime-directory-user": Case("User=daemon\nRuntimeDirectory=d2/sub d2b\nRuntimeDirectoryMode=0711",
                                   after=_LIST.format("/run/d2 /run/d2b")),
    "runtime-directory-preserve": Case("User=daemon\nRuntimeDirectory=d3\nRuntimeDirectoryPreserve=yes",
                                       after=_LIST.format("/run/d3")),
    "runtime-directory-restart": Case("RuntimeDirectory=d4\nRuntimeDirectoryPreserve=restart", after=_LIST.format("/run/d4")),
    "runtime-directory-link": Case("RuntimeDirectory=d5:d5link:x d5b:in/d5link", after=_LIST.format("/run/d5 /run/d5b /run/d5link /run/in")),
    "state-directory": Case("User=daemon\nStateDirectory=s1 s1/sub\nStateDirectoryMode=0750", after=_LIST.format("/var/lib/s1")),
    "state-directory-link": Case("StateDirectory=s2:s2link s2:deep/s2link", after=_LIST.format("/var/lib/s2 /var/lib/s2link /var/lib/deep")),
    "state-directory-there": Case("User=daemon\nStateDirectory=s3", before="mkdir -p /var/lib/s3/below; touch /var/lib/s3/file; chmod 770 /var/lib/s3",
                                  after=_LIST.format("/var/lib/s3")),
    "state-directory-theirs": Case("User=daemon\nStateDirectory=s4",
                                   before="mkdir -p /var/lib/s4; chown 1:1 /var/lib/s4; touch /var/lib/s4/file; chmod 700 /var/lib/s4",
                                   after=_LIST.format("/var/lib/s4")),
    "state-directory-file": Case("StateDirectory=s5", before="touch /var/lib/s5"),
    "state-directory-linked": Case("User=daemon\nStateDirectory=s6", before="mkdir -p /srv/s6; ln -sfn /srv/s6 /var/lib/s6",
                                   after=_LIST.format("/var/lib/s6 /srv/s6")),
    "state-directory-was-private": Case("User=daemon\nStateDirectory=s7",
                                        before="mkdir -p /var/lib/private/s7; touch /var/lib/private/s7/file; "
                                               "ln -sfn private/s7 /var/lib/s7", after=_LIST.format("/var/lib/s7 /var/lib/private/s7")),
    "cache-directory": Case("User=daemon\nCacheDirectory=c1\nCacheDirectoryMode=0700", after=_LIST.format("/var/cache/c1")),
    "logs-directory": Case("User=daemon\nLogsDirectory=l1/a:l1link\nLogsDirectoryMode=2750", after=_LIST.format("/var/log/l1 /var/log/l1link")),
    "configuration-directory": Case("User=daemon\nConfigurationDirectory=f1 f1/sub\nConfigurationDirectoryMode=0700", after=_LIST.format("/etc/f1")),
    "configuration-directory-there": Case("User=daemon\nConfigurationDirectory=f2", before="mkdir -p -m 700 /etc/f2", after=_LIST.format("/etc/f2")),
    "directories-all": Case("User=daemon\nRuntimeDirectory=a a2\nStateDirectory=a\nCacheDirectory=a\nLogsDirectory=a\nConfigurationDirectory=a",
                            after=_LIST.format("/run/a /run/a2 /var/lib/a /var/cache/a /var/log/a /etc/a")),
    "directory-group": Case("Group=mail\nStateDirectory=g1", after=_LIST.format("/var/lib/g1")),
    "directory-link-there": Case("StateDirectory=h1:h1link", before="mkdir -p /var/lib/h1link", after=_LIST.format("/var/lib/h1 /var/lib/h1link")),
    "directory-link-elsewhere": Case("StateDirectory=h2:h2link", before="ln -sfn elsewhere /var/lib/h2link", after=_LIST.format("/var/lib/h2 /var/lib/h2link")),
    # --- input and output
    "output-null": Case("StandardOutput=null"),
    "output-journal": Case("StandardInput=null\nStandardOutput=journal\nStandardError=inherit"),
    "output-console": Case("StandardOutput=journal+console"),
    "output-kmsg": Case("StandardOutput=kmsg\nStandardError=null"),
    "output-inherit": Case("StandardOutput=inherit"),
    "output-file": Case("StandardOutput=file:/run/out", before="printf 'long old text\\n' > /run/out", command="/bin/echo new", after=_SHOW),
    "output-file-probe": Case("StandardOutput=file:/run/out\nStandardError=file:/run/out"),
    "output-file-error": Case("StandardOutput=file:/run/out\nStandardError=file:/run/err"),
    "output-append": Case("StandardOutput=append:/run/out", before="printf 'old text\\n' > /run/out", command="/bin/echo new", after=_SHOW),
    "output-truncate": Case("StandardOutput=truncate:/run/out", before="printf 'long old text\\n' > /run/out", command="/bin/echo new", after=_SHOW),
    "output-append-probe": Case("StandardOutput=append:/run/out\nStandardError=append:/run/out"),
    "output-truncate-probe": Case("StandardOutput=truncate:/run/out\nStandardError=inherit"),
    "output-file-missing": Case("StandardOutput=file:/nonexist/out"),
    "error-file-missing": Case("StandardError=file:/nonexist/out"),
    "output-file-mode": Case("StandardOutput=file:/run/made\nUMask=0077\nUser=daemon", before="rm -f /run/made", after=_LIST.format("/run/made")),
    "input-file": Case("StandardInput=file:/run/in-file\nStandardOutput=file:/run/out",
                       before="echo hello > /run/in-file; : > /run/out", command="/bin/cat", after=_SHOW),
    "input-file-probe": Case("StandardInput=file:/etc/hostname"),
    "input-file-both": Case("StandardInput=file:/run/both\nStandardOutput=file:/run/both", before=": > /run/both"),
    "input-file-missing": Case("StandardInput=file:/nonexist"),
    "input-file-inherit": Case("StandardInput=file:/etc/hostname\nStandardOutput=inherit"),
    "input-text": Case("StandardInputText=one\nStandardInputText=  two\\x41\nStandardInputData=dGhyZWUK\nStandardOutput=file:/run/out",
                       before=": > /run/out", command="/bin/cat", after=_SHOW),
    "input-data-explicit": Case("StandardInput=data\nStandardInputText=one\nStandardOutput=file:/run/out",
                                before=": > /run/out", command="/bin/cat", after=_SHOW),
    "input-data-empty": Case("StandardInput=data"),
    "input-text-probe": Case("StandardInputText=one"),
    "input-fd-missing": Case("StandardInput=fd:nothing"),
    "input-socket-missing": Case("StandardInput=socket"),
    "output-tty-missing": Case("StandardOutput=tty\nTTYPath=/dev/nonexist"),
    "input-tty-missing": Case("StandardInput=tty\nTTYPath=/dev/nonexist"),
    "error-tty-missing": Case("StandardError=tty\nTTYPath=/dev/nonexist"),
    "input-tty-no-tty": Case("StandardInput=tty\nTTYPath=/dev/full"),
    "output-tty": Case("StandardOutput=tty\nTTYPath=/dev/pts/PTY"),
    "input-tty": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY"),
    "input-tty-output-tty": Case("StandardInput=tty\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/pts/PTY"),
    "input-tty-journal": Case("StandardInput=tty\nStandardOutput=journal\nTTYPath=/dev/pts/PTY"),
    "input-tty-fail": Case("StandardInput=tty-fail\nTTYPath=/dev/pts/PTY"),
    "input-tty-force": Case("StandardInput=tty-force\nTTYPath=/dev/pts/PTY"),
    "input-tty-user": Case("StandardInput=tty\nUser=daemon\nTTYPath=/dev/pts/PTY",
                           after="stat -c '%u %g %a' /dev/pts/PTY; chown 0:5 /dev/pts/PTY; chmod 620 /dev/pts/PTY"),
    "tty-size": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY\nTTYRows=33\nTTYColumns=99", after="stty size < /dev/pts/PTY"),
    "tty-size-output": Case("StandardOutput=tty\nTTYPath=/dev/pts/PTY\nTTYRows=34\nTTYColumns=98", after="stty size < /dev/pts/PTY"),
    "tty-rows": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY\nTTYRows=44", after="stty size < /dev/pts/PTY"),
    "tty-size-alone": Case("TTYPath=/dev/pts/PTY\nTTYRows=45\nTTYColumns=97", after="stty size < /dev/pts/PTY"),
    "tty-untouched": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY", before="stty -echo -icanon -onlcr < /dev/pts/PTY",
                          after="stty -a < /dev/pts/PTY | sed 1d; stty sane < /dev/pts/PTY"),
    "tty-reset": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY\nTTYReset=yes",
                      before="stty -echo -icanon -onlcr -isig intr ^A 1200 cs7 -cread noflsh < /dev/pts/PTY",
                      after="stty -a < /dev/pts/PTY | sed 1d"),
    "tty-reset-no-terminal": Case("StandardOutput=tty\nTTYPath=/dev/pts/PTY\nTTYReset=yes",
                                  before="stty -echo -icanon -onlcr < /dev/pts/PTY", after="stty -a < /dev/pts/PTY | sed 1d; stty sane < /dev/pts/PTY"),
    "tty-vhangup": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY\nTTYVHangup=yes\nTTYReset=yes\nTTYVTDisallocate=yes"),
    "tty-vhangup-alone": Case("TTYPath=/dev/pts/PTY\nTTYVHangup=yes"),
    "tty-reset-behind": Case("TTYPath=/dev/pts/PTY\nTTYReset=yes", command=_SPOIL, after=_STTY),
    "tty-reset-behind-input": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY\nTTYReset=yes", command=_SPOIL, after=_STTY),
    "tty-reset-behind-remaining": Case("TTYPath=/dev/pts/PTY\nTTYReset=yes\nRemainAfterExit=yes", command=_SPOIL, after=_STTY),
    "tty-reset-behind-start-pre": Case("TTYPath=/dev/pts/PTY\nTTYReset=yes\nExecStartPre=" + _SPOIL, after=_STTY),
    "tty-reset-behind-failure": Case("TTYPath=/dev/pts/PTY\nTTYReset=yes\nExecStartPre=" + _SPOIL, command="/bin/false", after=_STTY),
    "tty-disallocate": Case("TTYPath=/dev/pts/PTY\nTTYVTDisallocate=yes", before=": > /probe/pty.out", after=_WRITTEN),
    "tty-disallocate-input": Case("StandardInput=tty\nTTYPath=/dev/pts/PTY\nTTYVTDisallocate=yes", before=": > /probe/pty.out", after=_WRITTEN),
    "tty-hangup": Case("TTYPath=/dev/pts/PTY\nTTYVHangup=yes", before=_READS, after=_HUNG, where="privileged"),
    "tty-hangup-not": Case("TTYPath=/dev/pts/PTY", before=_READS, after=_HUNG, where="privileged"),
    "tty-hangup-behind": Case("TTYPath=/dev/pts/PTY\nTTYVHangup=yes", before=_READS_LATER, after=_HUNG, where="privileged",
                              command="/bin/sh -c ': > /run/inside; until [ -e /run/opened ]; do sleep 0.05; done'"),
    # --- what cannot be set up
    "root-directory-file": Case("RootDirectory=/etc/hostname"),
    "root-directory-missing-privileged": Case("RootDirectory=/nonexist", where="privileged"),
    "secure-not-allowed": Case("CapabilityBoundingSet=~CAP_SETPCAP\nSecureBits=noroot"),
    "sched-unknown": Case("CPUSchedulingPolicy=77"),
    "network-path-missing": Case("NetworkNamespacePath=/nonexist"),
    "network-path-file": Case("NetworkNamespacePath=/etc/hostname", where="privileged"),
    "ipc-path-missing": Case("IPCNamespacePath=/nonexist"),
    "ipc-path-missing-privileged": Case("IPCNamespacePath=/nonexist", where="privileged"),
    "bind-missing": Case("BindPaths=/nonexist:/mnt", where="privileged"),
    "read-only-missing": Case("ReadOnlyPaths=/nonexist", where="privileged"),
    "personality-foreign": Case("Personality=s390"),
    "personality-foreign-64": Case("Personality=arm64"),
    "runtime-directory-file": Case("RuntimeDirectory=file-r", before="touch /run/file-r"),
    "cache-directory-file": Case("CacheDirectory=file-c", before="touch /var/cache/file-c"),
    "logs-directory-file": Case("LogsDirectory=file-l", before="touch /var/log/file-l"),
    "configuration-directory-under-file": Case("ConfigurationDirectory=file-e/below", before="touch /etc/file-e"),
    "configuration-directory-file": Case("ConfigurationDirectory=file-e", before="touch /etc/file-e"),
    "runtime-directory-under-file": Case("RuntimeDirectory=file-r/below", before="touch /run/file-r"),
    "bounding-not-allowed": Case("CapabilityBoundingSet=CAP_CHOWN", where="less"),
    "secure-bits-not-allowed": Case("SecureBits=noroot", where="less"),
    "root-directory-not-allowed": Case("RootDirectory=/usr", command="/bin/true", where="less"),
    "user-not-allowed": Case("User=daemon", where="less"),
    "group-not-allowed": Case("Group=daemon", where="less"),
    "numa-local": Case("NUMAPolicy=local", where="privileged"),
    "numa-absent": Case("NUMAPolicy=bind\nNUMAMask=63", where="privileged"),
    "selinux-context": Case("SELinuxContext=nothing"),
    "apparmor-profile": Case("AppArmorProfile=nothing"),
    "smack-label": Case("SmackProcessLabel=nothing"),
    "pam-name": Case("PAMName=no-such-service"),
    "affinity-numa": Case("CPUAffinity=numa\nNUMAMask=0"),
    "affinity-numa-none": Case("CPUAffinity=numa"),
    "filter-keeps-privileges": Case("SystemCallFilter=~mount\nNoNewPrivileges=no"),
    # --- credentials
    "credential-load": Case("LoadCredential=a:/etc/hostname", after="ls -d /run/credentials/case-* 2>/dev/null"),
    "credential-user": Case("User=daemon\nLoadCredential=a:/run/secret", before="echo top > /run/secret; chmod 600 /run/secret"),
    "credential-group": Case("Group=mail\nSetCredential=a:b"),
    "credential-set": Case("SetCredential=a:b\\x41\\n c"),
    "credential-set-load": Case("SetCredential=a:default\nLoadCredential=a:/nonexist"),
    "credential-set-load-there": Case("SetCredential=a:default\nLoadCredential=a:/etc/hostname"),
    "credential-load-missing": Case("LoadCredential=a:/nonexist"),
    "credential-directory": Case("LoadCredential=tree:/run/creds", before="mkdir -p /run/creds/sub; echo 1 > /run/creds/one; echo 2 > /run/creds/sub/two"),
    "credential-socket": Case("LoadCredential=sock:/run/cred.sock", before="python3 -IS /probe/serve.py /run/cred.sock"),
    "credential-by-name": Case("LoadCredential=outside"),
    "credential-by-name-missing": Case("LoadCredential=nowhere"),
    "credential-renamed": Case("LoadCredential=inside:outside"),
    "credential-specifier": Case("SetCredential=a:b\nEnvironment=WHERE=%d"),
    "credential-relative": Case("LoadCredential=a:b/c"),
    "credential-twice": Case("SetCredential=a:1\nSetCredential=a:2"),
    "credential-gone": Case("SetCredential=a:b\nRemainAfterExit=yes",
                            after="find /run/credentials/case-* -printf '%p %y %m %U %G\\n' | LC_ALL=C sort; "
                                  "systemctl stop case-credential-gone.service; ls -d /run/credentials/case-* 2>/dev/null"),
    "credential-big": Case("LoadCredential=a:/run/big", before="head -c 1100000 /dev/zero > /run/big"),
    # --- the rest
    "remove-ipc": Case("User=someone\nRemoveIPC=yes", command="/bin/sh -c 'ipcmk -Q; ipcmk -S 2; echo > /dev/shm/mine'",
                       after="ipcs -qs | grep -c someone; ls /dev/shm"),
    "remove-ipc-no": Case("User=someone", command="/bin/sh -c 'ipcmk -M 100; echo > /dev/shm/mine'",
                          after="ipcs -m | grep -c someone; ls /dev/shm; rm /dev/shm/mine"),
    "remove-ipc-root": Case("RemoveIPC=yes", command="/bin/sh -c 'ipcmk -Q; echo > /dev/shm/roots'", after="ipcs -q | grep -c root; ls /dev/shm; rm -f /dev/shm/roots"),
    "program-missing": Case("", command="/nonexist/program"),
    "program-missing-fine": Case("", command="-/nonexist/program"),
    "program-directory": Case("", command="/usr"),
    "program-not-executable": Case("", command="/etc/hostname"),
    "program-bare-missing": Case("", command="no-such-program"),
    "program-closed": Case("User=daemon", command="/root/program", before="cp /bin/true /root/program; chmod 700 /root"),
    "argv0": Case("", command="@/bin/sh other-name -c 'tr \"\\\\0\" \" \" < /proc/$$$$/cmdline > /run/out'", before=": > /run/out", after=_SHOW),
    "privileged-command": Case("User=daemon\nCapabilityBoundingSet=CAP_CHOWN\nNoNewPrivileges=yes\nRuntimeDirectory=priv", command="+/probe/probe.sh /probe/out/%n"),
    "no-setuid-command": Case("User=daemon\nCapabilityBoundingSet=CAP_CHOWN", command="!/probe/probe.sh /probe/out/%n"),
    "ambient-magic-command": Case("User=daemon\nAmbientCapabilities=CAP_CHOWN", command="!!/probe/probe.sh /probe/out/%n"),
    "utmp": Case("UtmpIdentifier=1\nUtmpMode=user"),
    "syslog": Case("SyslogIdentifier=mine\nSyslogFacility=mail\nSyslogLevel=debug"),
}


def unit_name(name: str) -> str:
    return f"case-{name}.service"


def unit_text(name: str, pty: str) -> str:
    case = CASES[name]
    command = case.command or "/probe/probe.sh /probe/out/%n"
    return fill(f"[Service]\nType=oneshot\nTimeoutStartSec=8\nExecStart={command}\n{case.settings}\n", pty)


def fill(text: str, pty: str) -> str:
    """The number of the terminal that the tests play with is the container's."""
    return text.replace("/dev/pts/PTY", pty)


#: Exit statuses of systemd.exec(5), PROCESS EXIT CODES, by number: the name, and a case that ends with it.
STATUSES: dict[int, tuple[str, str]] = {
    200: ("CHDIR", "cwd-missing"),
    203: ("EXEC", "program-missing"),
    208: ("STDIN", "input-file-missing"),
    209: ("STDOUT", "output-file-missing"),
    213: ("SECUREBITS", "secure-bits-not-allowed"),
    214: ("SETSCHEDULER", "sched-unknown"),
    215: ("CPUAFFINITY", "affinity-numa-none"),
    216: ("GROUP", "group-unknown"),
    217: ("USER", "user-unknown"),
    218: ("CAPABILITIES", "bounding-not-allowed"),
    222: ("STDERR", "error-file-missing"),
    225: ("NETWORK", "network-path-missing"),
    226: ("NAMESPACE", "root-directory-missing"),
    233: ("RUNTIME_DIRECTORY", "runtime-directory-file"),
    238: ("STATE_DIRECTORY", "state-directory-file"),
    239: ("CACHE_DIRECTORY", "cache-directory-file"),
    240: ("LOGS_DIRECTORY", "logs-directory-file"),
    241: ("CONFIGURATION_DIRECTORY", "configuration-directory-under-file"),
    242: ("NUMA_POLICY", "numa-absent"),
    243: ("CREDENTIALS", "credential-load-missing"),
}
_NEVER_FAILS = "no setting makes the system calls of this step fail"
_NOT_TAKEN = "a step for a security module, which no container has a say in"
#: The others: their name, and why no service here ends with them.
UNPROVOKED: dict[int, tuple[str, str]] = {
    201: ("NICE", _NEVER_FAILS),
    202: ("FDS", _NEVER_FAILS),
    204: ("MEMORY", _NEVER_FAILS),
    205: ("LIMITS", "a limit that cannot be had is set as near as it can be"),
    206: ("OOM_ADJUST", "what may not be set is passed over"),
    207: ("SIGNAL_MASK", _NEVER_FAILS),
    210: ("CHROOT", "the root is changed while mounts are made: 226"),
    211: ("IOPRIO", "by systemd where IOSchedulingClass=realtime is refused (case io-realtime); we run the service"),
    212: ("TIMERSLACK", _NEVER_FAILS),
    219: ("CGROUP", "a control group that cannot be entered is one that somebody removed at that moment"),
    220: ("SETSID", _NEVER_FAILS),
    221: ("CONFIRM", "nobody is asked on a console: systemd.confirm_spawn= is of the kernel command line"),
    224: ("PAM", "there is no PAM session"),
    227: ("NO_NEW_PRIVILEGES", _NEVER_FAILS),
    228: ("SECCOMP", _NEVER_FAILS),
    229: ("SELINUX_CONTEXT", _NOT_TAKEN),
    230: ("PERSONALITY", _NEVER_FAILS),
    231: ("APPARMOR_PROFILE", _NOT_TAKEN),
    232: ("ADDRESS_FAMILIES", _NEVER_FAILS),
    235: ("CHOWN", "of sockets"),
    236: ("SMACK_PROCESS_LABEL", _NOT_TAKEN),
    237: ("KEYRING", "by systemd where Group= is refused (case group-not-allowed); we say 216/GROUP"),
    245: ("BPF", "BPF programs cannot be loaded"),
}
