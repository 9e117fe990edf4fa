"""Sockets, timers and paths: what they do on the way up and down, what starts their services, and what ends them."""

from __future__ import annotations

from tests.conformance.services.play import Case

PROBE = "/p/probe"
SOCKET = ".Socket"
LONG = "ExecStart=/bin/sleep 1000"


def note(name: str, text: str) -> str:
    """A command line that leaves a word in the case's file."""
    return f"/bin/sh -c 'mkdir -p /run/t/{name}; echo {text} >> /run/t/{name}/out'"


def unit(kind: str, *lines: str, general: tuple[str, ...] = ()) -> str:
    return "\n".join(["[Unit]", "DefaultDependencies=no", *general, f"[{kind}]", *lines]) + "\n"


def socket(name: str, *lines: str, service: tuple[str, ...] = (LONG,), steps: str, general: tuple[str, ...] = (),
           listen: str = "") -> Case:
    """A socket at /run/s/NAME, if it is not told to listen elsewhere, and its service."""
    where = listen or f"ListenStream=/run/s/{name}"
    units = {f"{name}.socket": unit("Socket", where, *lines)}
    if service:
        stem = f"{name}@" if "Accept=yes" in lines else name
        units[f"{stem}.service"] = unit("Service", *service, general=general)
    return Case(name, units, tuple(steps.split(", ")))


def path(name: str, *lines: str, service: tuple[str, ...] = (), steps: str, general: tuple[str, ...] = ()) -> Case:
    command = service or ("Type=oneshot", f"ExecStart={note(name, 'ran')}")
    return Case(name, {f"{name}.path": unit("Path", *lines), f"{name}.service": unit("Service", *command, general=general)},
                tuple(steps.split(", ")))


def timer(name: str, *lines: str, service: tuple[str, ...] = (), steps: str) -> Case:
    command = service or ("Type=oneshot", f"ExecStart={note(name, 'ran')}")
    return Case(name, {f"{name}.timer": unit("Timer", "AccuracySec=1us", *lines),
                       f"{name}.service": unit("Service", *command)}, tuple(steps.split(", ")))


def connect(name: str) -> str:
    return f"run {PROBE} connect /run/s/{name}"


# --- commands of sockets --------------------------------------------------------------------------------------------

LINES = ("ExecStartPre", "ExecStartPost", "ExecStopPre", "ExecStopPost")


def commands() -> list[Case]:
    out = []
    every = lambda name: tuple(f"{line}={note(name, line)}" for line in LINES)  # noqa: E731
    out.append(socket("sock-lines", *every("sock-lines"), steps="start, job, stop, job"))
    two = tuple(f"{line}={note('sock-lines-two', line + number)}" for line in LINES for number in "12")
    out.append(socket("sock-lines-two", *two, steps="start, job, stop, job"))
    for line in LINES:
        name = f"sock-{line.lower()}"
        up = "start, job, stop, job, settle 0.5"
        for word, command in (("fails", "/bin/false"), ("ignored", "-/bin/false"), ("dies", "/bin/sh -c 'kill -SEGV $$$$'"),
                              ("missing", "/nonexistent"), ("then", "/bin/true")):
            mine = [f"{line}={command}", f"{line}={note(f'{name}-{word}', 'second')}"] if word != "missing" else [
                f"{line}={command}"]
            out.append(socket(f"{name}-{word}", *mine, *every(f"{name}-{word}"), steps=up))
        for word, command in (("timeout", "/bin/sleep 100"),
                              ("stubborn", "/bin/sh -c 'trap \"\" TERM; while :; do /bin/sleep 0.1; done'")):
            out.append(socket(f"{name}-{word}", "TimeoutSec=0.7", f"{line}={command}", *every(f"{name}-{word}"), steps=up))
    for line, states in (("ExecStartPre", "start-pre"), ("ExecStartPost", "start-post")):
        out.append(socket(f"sock-stopped-in-{states}", f"{line}=/bin/sleep 100", steps=f"start, until {states}, stop, job"))
        out.append(socket(f"sock-stopped-in-{states}-lines", f"{line}=/bin/sleep 100",
                          *every(f"sock-stopped-in-{states}-lines"), steps=f"start, until {states}, stop, job"))
    for name, listen in (("sock-open-fails", "ListenStream=/proc/nosuch/x"), ("sock-open-fails-usb", "ListenUSBFunction=/run/s/u")):  # noqa: E501
        out.append(socket(name, *every(name), listen=listen, steps="start, job, settle 0.5"))
    out.append(socket("sock-no-user-lines", "SocketUser=nosuchuser", *every("sock-no-user-lines"), steps="start, job, stop, job"))  # noqa: E501
    out.append(socket("sock-trigger-limit-lines", "TriggerLimitBurst=1", *every("sock-trigger-limit-lines"),
                      service=("Type=oneshot", "ExecStart=/bin/true"), general=("StartLimitIntervalSec=0",),
                      steps=f"start, job, {connect('sock-trigger-limit-lines')}, until failed, settle 0.5"))
    for mode in ("mixed", "process", "none"):
        out.append(socket(f"sock-kill-{mode}", f"KillMode={mode}", "TimeoutSec=0.5", "ExecStartPre=/bin/sleep 3",
                          steps="start, settle 1, stop, job"))
    out.append(socket("sock-no-timeout", "TimeoutSec=0", f"ExecStartPre={note('sock-no-timeout', 'pre')}",
                      steps="start, job, stop, job"))
    out.append(socket("sock-user", "SocketUser=nobody", steps="start, job, stop, job"))
    out.append(socket("sock-no-user", "SocketUser=nosuchuser", steps="start, job, stop, job"))
    out.append(socket("sock-restart", *every("sock-restart"), steps="start, job, restart, job, stop, job"))
    out.append(socket("sock-main-dies", f"ExecStopPost={note('sock-main-dies', 'post')}",
                      steps="start, job, kill all 9, settle 0.5, stop, job"))
    return out


# --- what is listened to --------------------------------------------------------------------------------------------


def _shown(name: str) -> str:
    return f"start, job, start {name}.service, job, settle 0.5, stop {name}.service, job, stop, job"


def listening() -> list[Case]:
    out = []
    for name, lines in (
        ("listen-stream", ("ListenStream=127.0.0.1:7301",)),
        ("listen-stream6", ("ListenStream=[::1]:7302", "BindIPv6Only=ipv6-only")),
        ("listen-both", ("ListenStream=7303", "BindIPv6Only=both")),
        ("listen-datagram", ("ListenDatagram=127.0.0.1:7304",)),
        ("listen-seqpacket", ("ListenSequentialPacket=/run/s/seq",)),
        ("listen-abstract", ("ListenStream=@t-abstract",)),
        ("listen-fifo", ("ListenFIFO=/run/s/fifo", "PipeSize=128K", "SocketMode=0640")),
        ("listen-special", ("ListenSpecial=/proc/self/mountinfo",)),
        ("listen-special-writable", ("ListenSpecial=/dev/null", "Writable=yes")),
        ("listen-special-missing", ("ListenSpecial=/run/nosuch",)),
        ("listen-special-file", ("ListenSpecial=/etc/passwd",)),
        ("listen-netlink", ("ListenNetlink=route 1361", "ReceiveBuffer=64K", "PassPacketInfo=yes")),
        ("listen-netlink-kobject", ("ListenNetlink=kobject-uevent 1", "ReceiveBuffer=128M", "PassCredentials=yes")),
        ("listen-queue", ("ListenMessageQueue=/t-queue", "SocketMode=0600")),
        ("listen-queue-sizes", ("ListenMessageQueue=/t-queue2", "MessageQueueMaxMessages=4",
                                "MessageQueueMessageSize=128", "RemoveOnStop=yes")),
        ("listen-queue-half", ("ListenMessageQueue=/t-queue3", "MessageQueueMaxMessages=4")),
        ("listen-queue-too-large", ("ListenMessageQueue=/t-queue4", "MessageQueueMaxMessages=4",
                                    "MessageQueueMessageSize=999999999")),
        ("listen-usb", ("ListenUSBFunction=/run/s/usb",)),
        ("listen-many", ("ListenStream=/run/s/many1", "ListenDatagram=/run/s/many2", "ListenFIFO=/run/s/many3",
                         "FileDescriptorName=many", "RemoveOnStop=yes")),
        ("listen-one-bad", ("ListenStream=/run/s/bad1", "ListenStream=/proc/nosuch/bad2", "RemoveOnStop=yes")),
        ("listen-address-gone", ("ListenStream=192.0.2.7:7305",)),
        ("listen-freebind", ("ListenStream=192.0.2.7:7306", "FreeBind=yes")),
        ("listen-device", ("ListenStream=127.0.0.1:7307", "BindToDevice=lo")),
        ("listen-no-device", ("ListenStream=127.0.0.1:7308", "BindToDevice=nosuch0")),
    ):
        steps = _shown(name)
        service = ("StandardOutput=null", f"ExecStart=/bin/sh -c 'mkdir -p /run/t/{name}; exec {PROBE} fds /run/t/{name}/out'")
        out.append(socket(name, *lines[1:], listen=lines[0], service=service, steps=steps))
    return out


OPTIONS = {
    "tcp": ("ListenStream=127.0.0.1:73%02d", (
        "KeepAlive=yes", "KeepAliveTimeSec=111", "KeepAliveIntervalSec=22", "KeepAliveProbes=5", "NoDelay=yes", "Priority=3",
        "DeferAcceptSec=9", "ReceiveBuffer=100K", "SendBuffer=200K", "IPTOS=low-delay", "IPTOS=6", "IPTTL=42", "Mark=77",
        "ReusePort=yes", "FreeBind=yes", "Transparent=yes", "TCPCongestion=reno", "PassSecurity=yes", "Timestamping=us",
        "Timestamping=ns", "Broadcast=yes", "PassPacketInfo=yes", "PassCredentials=yes", "Backlog=5")),
    "tcp6": ("ListenStream=[::1]:74%02d", (
        "IPTTL=42", "IPTOS=throughput", "PassPacketInfo=yes", "FreeBind=yes", "Transparent=yes", "BindIPv6Only=ipv6-only",
        "BindIPv6Only=both", "ReusePort=yes", "Mark=5", "Priority=2")),
    "udp": ("ListenDatagram=127.0.0.1:75%02d", (
        "Broadcast=yes", "PassPacketInfo=yes", "PassSecurity=yes", "Timestamping=on", "ReceiveBuffer=64K", "ReusePort=yes",
        "IPTTL=200", "IPTOS=reliability", "KeepAlive=yes", "SocketProtocol=udplite")),
    "unix": ("ListenStream=/run/s/option%02d", (
        "PassCredentials=yes", "PassSecurity=yes", "KeepAlive=yes", "Timestamping=ns", "Broadcast=yes", "Priority=4",
        "ReceiveBuffer=16K", "Mark=3", "IPTTL=3", "NoDelay=yes", "SocketMode=0600", "SocketMode=0222")),
    "unixdgram": ("ListenDatagram=/run/s/odgram%02d", (
        "PassCredentials=yes", "PassSecurity=yes", "Timestamping=us", "SendBuffer=16K", "ReceiveBuffer=1M")),
}


def options() -> list[Case]:
    """One socket and service for each option: what getsockopt(2) says in the service."""
    out = []
    for kind, (listen, lines) in OPTIONS.items():
        for number, line in enumerate(lines):
            name = f"option-{kind}-{number:02d}"
            service = ("StandardOutput=null",
                       f"ExecStart=/bin/sh -c 'mkdir -p /run/t/{name}; exec {PROBE} fds /run/t/{name}/out'")
            out.append(socket(name, line, listen=listen % number, service=service,
                              steps=f"start, job, start {name}.service, job, settle 0.2, stop {name}.service, job, stop, job"))
    return out


# --- somebody comes -------------------------------------------------------------------------------------------------


def serving() -> list[Case]:
    reads = lambda name: (f"ExecStart={PROBE} serve /run/t/{name}/out",)  # noqa: E731
    # Not so fast that the player cannot follow.
    leaves = ("Type=oneshot", "ExecStart=/bin/sleep 0.03")
    deaf = 'trap "" TERM; while :; do /bin/sleep 0.1; done'
    return [
        socket("come-once", service=reads("come-once"), steps=f"run mkdir -p /run/t/come-once, start, job, {connect('come-once')}, until listening, stop, job"),  # noqa: E501
        socket("come-stays", steps=f"start, job, {connect('come-stays')}, until running, stop come-stays.service, "
                                   "job, settle 0.5, stop, job"),
        socket("come-service-first", steps="start come-service-first.service, job, start, job, settle 0.3"),
        socket("come-restart", steps="start, job, start come-restart.service, job, restart come-restart.service, job, settle 0.3, stop, job"),  # noqa: E501
        socket("come-restart-socket", steps="start, job, start come-restart-socket.service, job, restart, job, settle 0.5"),
        socket("come-stop-socket", steps="start, job, start come-stop-socket.service, job, stop, job, settle 0.5"),
        socket("come-no-service", service=(), steps="start, job, stop, job"),
        socket("come-trigger-limit", "TriggerLimitBurst=3", service=leaves, general=("StartLimitIntervalSec=0",),
               steps=f"start, job, {connect('come-trigger-limit')}, until failed, settle 0.5, reset-failed, start, job, stop, job"),  # noqa: E501
        socket("come-start-limit", service=leaves, general=("StartLimitBurst=2",),
               steps=f"start, job, {connect('come-start-limit')}, until failed, settle 0.5"),
        socket("come-service-fails", service=("ExecStart=/bin/false",), general=("StartLimitBurst=2",),
               steps=f"start, job, {connect('come-service-fails')}, until failed, settle 0.5"),
        socket("come-restarts", service=("Restart=always", "RestartSec=0.4", *reads("come-restarts")),
               steps=f"run mkdir -p /run/t/come-restarts, start, job, {connect('come-restarts')}, settle 1, stop, job, "
                     "stop come-restarts.service, job"),
        socket("come-restarts-too-often",
               service=("Restart=always", "RestartSec=0.4", "ExecStart=/bin/sh -c 'sleep 0.2; exit 1'"),
               general=("StartLimitBurst=3",),
               steps=f"start, job, {connect('come-restarts-too-often')}, until failed, settle 1"),
        socket("come-restarts-never-ready", service=("Type=notify", "Restart=always", "RestartSec=0.4",
                                                     "ExecStart=/bin/sh -c 'sleep 0.2; exit 1'"),
               general=("StartLimitBurst=3",),
               steps=f"start, job, {connect('come-restarts-never-ready')}, until failed, settle 1"),
        socket("come-restarts-alone", service=("Restart=always", "RestartSec=0.4", "ExecStart=/bin/sleep 0.3"),
               steps="start, job, start come-restarts-alone.service, until auto-restart come-restarts-alone.service, "
                     "until running come-restarts-alone.service, stop come-restarts-alone.service, settle 0.5, stop, job"),
        # One process: of two the second may be there a moment longer, and then there is a state more.
        socket("come-restarts-first", service=("Restart=always", "RestartSec=1",
                                               "ExecStart=/usr/bin/perl -e 'select undef, undef, undef, 0.1; exit 1'"),
               steps="start come-restarts-first.service, until auto-restart come-restarts-first.service, start, job, "
                     "until running come-restarts-first.service, until running come-restarts-first.service, "
                     "stop come-restarts-first.service, job, settle 0.3, stop, job"),
        socket("come-slow-service",
               service=("Type=notify", "NotifyAccess=all", "TimeoutStartSec=1", "ExecStart=/bin/sleep 1000"),
               steps="start, job, start come-slow-service.service, until failed come-slow-service.service, settle 0.5, "
                     "stop, job"),
        socket("come-slow-oneshot", service=("Type=oneshot", "ExecStart=/bin/sleep 0.5"),
               steps="start, job, start come-slow-oneshot.service, job, settle 0.5, stop, job"),
        socket("come-remains", service=("Type=oneshot", "RemainAfterExit=yes", "ExecStart=/bin/true"),
               steps="start, job, start come-remains.service, job, settle 0.5, stop come-remains.service, job, settle 0.3, "
                     "stop, job"),
        socket("come-slow-stop", service=("ExecStart=/bin/sleep 0.3", "ExecStopPost=/bin/sleep 0.5"),
               steps=f"start, job, {connect('come-slow-stop')}, until running come-slow-stop.service, settle 0.7, stop, job, "
                     "stop come-slow-stop.service, job"),
        socket("come-left-to-end", service=("TimeoutStopSec=0.7", "KillMode=mixed", "ExecStart=/bin/sleep 0.3",
                                            f"ExecStopPost=/bin/sh -c '({deaf}) &'"),
               steps="start, job, start come-left-to-end.service, job, settle 2, stop, job"),
        socket("come-stubborn", service=("TimeoutStopSec=0.7", f"ExecStart=/bin/sh -c '{deaf}'", "ExecStopPost=/bin/sleep 0.3"),
               steps=f"start, job, {connect('come-stubborn')}, until running, settle 0.3, stop come-stubborn.service, job, "
                     "settle 1, stop, job"),
        socket("come-left-behind", service=("TimeoutStopSec=0.7", "KillMode=mixed", "ExecStart=/bin/sleep 1000",
                                            f"ExecStopPost=/bin/sh -c '({deaf}) &'"),
               steps=f"start, job, {connect('come-left-behind')}, until running, settle 0.3, stop come-left-behind.service, "
                     "job, settle 1, stop, job"),
        socket("come-condition-fails", "TriggerLimitBurst=4", service=leaves, general=("ConditionPathExists=/nosuch",),
               steps=f"start, job, {connect('come-condition-fails')}, until failed, settle 0.5"),
        socket("come-flush", "FlushPending=yes", service=leaves,
               steps=f"start, job, {connect('come-flush')}, until running, until listening, settle 0.5, stop, job"),
        socket("come-flush-datagram", "FlushPending=yes", service=leaves, listen="ListenDatagram=/run/s/come-flush-datagram",
               steps=f"start, job, run {PROBE} send /run/s/come-flush-datagram, until running, until listening, settle 0.5, stop, job"),  # noqa: E501
        socket("come-flush-fifo", "FlushPending=yes", service=leaves, listen="ListenFIFO=/run/s/come-flush-fifo",
               steps="start, job, run echo x > /run/s/come-flush-fifo, until running, until listening, settle 0.5, stop, job"),
        socket("come-shut", service=(f"ExecStart={PROBE} shut",),
               steps=f"start, job, {connect('come-shut')}, until failed, settle 0.5"),
        socket("come-shut-port", service=(f"ExecStart={PROBE} shut",), listen="ListenStream=127.0.0.1:7398",
               steps=f"start, job, run {PROBE} connect 7398, until failed, settle 0.5"),
        socket("come-accept", "Accept=yes", service=("StandardInput=socket", "ExecStart=/bin/cat"),
               steps=f"start, job, {connect('come-accept')}, settle 0.5, show NAccepted come-accept.socket {SOCKET}, "
                     f"show NConnections come-accept.socket {SOCKET}, stop, job"),
        socket("come-accept-max", "Accept=yes", "MaxConnections=2", service=(LONG,),
               steps="start, job, " + "".join(f"run {PROBE} connect /run/s/come-accept-max, " for _ in range(3))
               + f"settle 0.5, show NAccepted come-accept-max.socket {SOCKET}, show NConnections come-accept-max.socket {SOCKET}, "  # noqa: E501
               + f"show NRefused come-accept-max.socket {SOCKET}, stop, job"),
        socket("come-accept-limit", "Accept=yes", "TriggerLimitBurst=2", service=("ExecStart=/bin/true",),
               steps="start, job, " + "".join(f"run {PROBE} connect /run/s/come-accept-limit || :, " for _ in range(4))
               + "settle 0.5"),
        socket("come-accept-per-source", "Accept=yes", "MaxConnectionsPerSource=2", service=(LONG,),
               listen="ListenStream=127.0.0.1:7399",
               steps="start, job, " + "".join(f"run {PROBE} connect 7399, " for _ in range(3))
               + f"settle 0.5, show NAccepted come-accept-per-source.socket {SOCKET}, show NConnections come-accept-per-source.socket {SOCKET}, "  # noqa: E501
               + f"show NRefused come-accept-per-source.socket {SOCKET}, stop, job"),
        socket("nodes-stay", "Symlinks=/run/s/nodes-link /run/l/deep/link", "DirectoryMode=0710",
               listen="ListenStream=/run/s-nodes/sock",
               steps=f"start, job, run {PROBE} nodes /run/t/nodes-stay/out /run/s-nodes /run/s-nodes/sock /run/s/nodes-link /run/l/deep /run/l/deep/link, "  # noqa: E501
                     f"stop, job, run {PROBE} nodes /run/t/nodes-stay/out /run/s-nodes /run/s-nodes/sock /run/s/nodes-link /run/l/deep/link"),  # noqa: E501
        socket("nodes-go", "Symlinks=/run/s/nodes-link2", "RemoveOnStop=yes", listen="ListenStream=/run/s-nodes2/sock",
               steps=f"start, job, run {PROBE} nodes /run/t/nodes-go/out /run/s-nodes2 /run/s-nodes2/sock /run/s/nodes-link2, "
                     f"stop, job, run {PROBE} nodes /run/t/nodes-go/out /run/s-nodes2 /run/s-nodes2/sock /run/s/nodes-link2"),
        socket("nodes-two-links", "ListenStream=/run/s-nodes3/b", "Symlinks=/run/s/nodes-link3", listen="ListenStream=/run/s-nodes3/a",  # noqa: E501
               steps=f"start, job, run {PROBE} nodes /run/t/nodes-two-links/out /run/s/nodes-link3, stop, job"),
        socket("nodes-in-the-way", listen="ListenStream=/run/s/in-the-way",
               steps=f"run mkdir -p /run/s; echo hello > /run/s/in-the-way, start, job, run {PROBE} nodes /run/t/nodes-in-the-way/out /run/s/in-the-way, stop, job"),  # noqa: E501
        socket("nodes-fifo-in-the-way", listen="ListenFIFO=/run/s/fifo-in-the-way",
               steps=f"run mkdir -p /run/s; echo hello > /run/s/fifo-in-the-way, start, job, run {PROBE} nodes /run/t/nodes-fifo-in-the-way/out /run/s/fifo-in-the-way, stop, job"),  # noqa: E501
        socket("nodes-old-link", "Symlinks=/run/s/old-link",
               steps=f"run mkdir -p /run/s; ln -s /nosuch /run/s/old-link, start, job, run {PROBE} nodes /run/t/nodes-old-link/out /run/s/old-link, stop, job"),  # noqa: E501
        socket("nodes-link-in-the-way", "Symlinks=/run/s/link-in-the-way",
               steps=f"run mkdir -p /run/s; echo hello > /run/s/link-in-the-way, start, job, run {PROBE} nodes /run/t/nodes-link-in-the-way/out /run/s/link-in-the-way, stop, job"),  # noqa: E501
    ]


# --- paths ----------------------------------------------------------------------------------------------------------


def paths() -> list[Case]:
    base = "/srv/p"
    takes = lambda name, what: ("Type=oneshot", f"ExecStart=/bin/sh -c 'rm -rf {what}; mkdir -p /run/t/{name}; echo ran >> /run/t/{name}/out'")  # noqa: E501, E731
    out = []
    for name, line, doing in (
        ("path-exists", f"PathExists={base}/exists/a", f"mkdir -p {base}/exists; touch {base}/exists/a"),
        ("path-glob", f"PathExistsGlob={base}/glob/*.go", f"mkdir -p {base}/glob; touch {base}/glob/x.go"),
        ("path-full", f"DirectoryNotEmpty={base}/full", f"mkdir -p {base}/full; touch {base}/full/x"),
    ):
        again = f"run {doing}, until running, until waiting, "
        gone = line.partition("=")[2].replace(f"{base}/full", f"{base}/full/x")
        out.append(path(name, line, service=takes(name, gone), steps=f"start, job, run {doing}, until running, until waiting, {again}settle 0.5, stop, job"))  # noqa: E501
    for kind in ("PathChanged", "PathModified"):
        low = kind.lower()
        file = f"{base}/{low}/f"
        for word, doing in (
            ("created", f"mkdir -p {base}/{low}; touch {file}"), ("written", f"echo a >> {file}"),
            ("touched", f"touch {file}"), ("mode", f"chmod 600 {file}"), ("removed", f"rm {file}"),
            ("moved-over", f"echo b > {base}/{low}/g; mv {base}/{low}/g {file}"), ("moved-away", f"mv {file} {base}/{low}/h"),
            ("parent-moved", f"mv {base}/{low} {base}/{low}-x"), ("other", f"touch {base}/{low}/other"),
            ("kept-open", f"exec 3>>{file}; echo a >&3; sleep 0.6"), ("read", f"cat {file} > /dev/null"),
            ("linked", f"ln {file} {base}/{low}/link"), ("parent-back", f"mv {base}/{low} {base}/{low}-x; sleep 0.3; mv {base}/{low}-x {base}/{low}"),  # noqa: E501
        ):
            name = f"{low}-{word}"
            before = f"run rm -rf {base}/{name}; mkdir -p {base}/{name}" + ("; " + f"echo 0 > {base}/{name}/f" if word != "created" else "; rmdir " + f"{base}/{name}")  # noqa: E501
            steps = f"{before}, start, job, settle 0.3, run {doing.replace(f'{base}/{low}', f'{base}/{name}')}, settle 0.6, stop, job"  # noqa: E501
            out.append(path(name, f"{kind}={base}/{name}/f", steps=steps))
        name = f"{low}-directory"
        out.append(path(name, f"{kind}={base}/{name}", "MakeDirectory=yes", "DirectoryMode=0711", general=("StartLimitIntervalSec=0",),  # noqa: E501
                        steps=f"start, job, run {PROBE} nodes /run/t/{name}/out {base}/{name}; touch {base}/{name}/a, settle 0.5, "  # noqa: E501
                              f"run echo x >> {base}/{name}/a, settle 0.5, run rm {base}/{name}/a, settle 0.5, "
                              f"run rmdir {base}/{name}, settle 0.5, run mkdir {base}/{name}, settle 0.5, stop, job"))
    out += [
        path("path-trigger-limit", "PathExists=/etc/passwd", "TriggerLimitBurst=3", general=("StartLimitIntervalSec=0",),
             steps="start, job, until failed, settle 0.5"),
        path("path-start-limit", "PathExists=/etc/passwd", general=("StartLimitBurst=2",), steps="start, job, until failed, settle 0.5"),  # noqa: E501
        path("path-stays-up", "PathExists=/etc/passwd", service=(LONG,), steps="start, job, until running, settle 0.3, stop, job, settle 0.3"),  # noqa: E501
        path("path-service-fails", "PathExists=/etc/passwd", service=("ExecStart=/bin/false",), general=("StartLimitBurst=2",),
             steps="start, job, until failed, settle 0.5"),
        path("path-service-up", f"PathChanged={base}/up/f", service=(LONG,),
             steps=f"run mkdir -p {base}/up, start path-service-up.service, job, start, job, settle 0.3, run touch {base}/up/f, settle 0.5, "  # noqa: E501
                   "stop path-service-up.service, job, settle 0.5, stop, job"),
        path("path-service-later", f"PathChanged={base}/sl/f", service=(LONG,),
             steps=f"run mkdir -p {base}/sl, start, job, settle 0.3, start path-service-later.service, job, settle 0.3, "
                   f"run touch {base}/sl/f, settle 0.5, stop path-service-later.service, job, settle 0.5, stop, job"),
        path("path-exists-service-later", f"PathExists={base}/es/f", service=(LONG,),
             steps=f"run mkdir -p {base}/es, start, job, settle 0.3, start path-exists-service-later.service, job, settle 0.3, "
                   f"run touch {base}/es/f, settle 0.5, stop path-exists-service-later.service, job, settle 0.5, stop, job"),
        path("path-condition", "PathExists=/etc/passwd", "TriggerLimitBurst=4", general=("ConditionPathExists=/nosuch",), steps="start, job, until failed, settle 0.5"),  # noqa: E501
        path("path-while-running", f"PathChanged={base}/wr/f",
             service=("Type=oneshot", f"ExecStart={note('path-while-running', 'ran')}", "ExecStart=/bin/sleep 0.5"),
             steps=f"run mkdir -p {base}/wr, start, job, run touch {base}/wr/f, until running, run touch {base}/wr/f, settle 0.9, stop, job"),  # noqa: E501
        path("path-link", f"PathModified={base}/link/f", steps=f"run mkdir -p {base}/link; echo > {base}/link/real; ln -s real {base}/link/f, "  # noqa: E501
             f"start, job, settle 0.3, run echo x >> {base}/link/real, settle 0.5, stop, job"),
        path("path-link-exists", f"PathExists={base}/dl/f", steps=f"run mkdir -p {base}/dl; ln -sf nosuch {base}/dl/f, start, job, settle 0.3, stop, job"),  # noqa: E501
        path("path-empty-dir", f"DirectoryNotEmpty={base}/ed", "MakeDirectory=yes", steps=f"start, job, settle 0.3, run {PROBE} nodes /run/t/path-empty-dir/out {base}/ed, stop, job"),  # noqa: E501
        path("path-makes-not", f"PathExists={base}/mn", "MakeDirectory=yes", steps=f"start, job, settle 0.3, run {PROBE} nodes /run/t/path-makes-not/out {base}/mn, stop, job"),  # noqa: E501
        path("path-two", f"PathExists={base}/two/a", f"PathChanged={base}/two/b",
             steps=f"run mkdir -p {base}/two, start, job, settle 0.3, run touch {base}/two/b, settle 0.5, stop, job"),
        path("path-parent-vanishes", f"PathExists={base}/pv/q/a", service=takes("path-parent-vanishes", f"{base}/pv/q/a"),
             steps=f"run mkdir -p {base}/pv/q, start, job, settle 0.2, run rm -r {base}/pv, settle 0.3, "
                   f"run mkdir -p {base}/pv/q; touch {base}/pv/q/a, until running, until waiting, settle 0.3, stop, job"),
    ]
    return out


# --- timers ---------------------------------------------------------------------------------------------------------


def timers() -> list[Case]:
    return [
        timer("timer-once", "OnActiveSec=0.3", steps="start, job, until running, until elapsed, settle 0.5, stop, job"),
        timer("timer-once-gone", "OnActiveSec=0.3", "RemainAfterElapse=no", steps="start, job, until dead, settle 0.5"),
        timer("timer-active", "OnActiveSec=0.2", "OnUnitActiveSec=0.4", steps="start, job, until running, until waiting, until running, until waiting, stop, job"),  # noqa: E501
        timer("timer-inactive", "OnActiveSec=0.2", "OnUnitInactiveSec=0.4", steps="start, job, until running, until waiting, until running, until waiting, stop, job"),  # noqa: E501
        timer("timer-nothing-yet", "OnUnitActiveSec=0.4", steps="start, job, settle 0.5, start timer-nothing-yet.service, job, until running, until waiting, stop, job"),  # noqa: E501
        timer("timer-nothing-yet-gone", "OnUnitActiveSec=0.4", "RemainAfterElapse=no", steps="start, job, settle 0.5, stop, job"),  # noqa: E501
        timer("timer-past", "OnStartupSec=0", steps="start, job, settle 0.6, stop, job"),
        timer("timer-date-past", "OnCalendar=2020-01-01", steps="start, job, settle 0.5, stop, job"),
        timer("timer-date-past-gone", "OnCalendar=2020-01-01", "RemainAfterElapse=no", steps="start, job, settle 0.5, stop, job"),  # noqa: E501
        timer("timer-long", "OnActiveSec=0.2", "OnUnitActiveSec=0.2", service=(LONG,),
              steps="start, job, until running, settle 0.6, stop timer-long.service, until waiting, until running, settle 0.5, stop, job"),  # noqa: E501
        timer("timer-fails", "OnActiveSec=0.2", "OnUnitActiveSec=0.3", service=("ExecStart=/bin/false",),
              steps="start, job, until running, until waiting, until running, until waiting, stop, job"),
        timer("timer-service-up", "OnActiveSec=0.4", service=(LONG,),
              steps="start timer-service-up.service, job, start, job, until running, settle 0.5, stop, job"),
        timer("timer-persistent", "OnCalendar=daily", "Persistent=yes",
              steps="run mkdir -p /var/lib/systemd/timers; touch -d 2020-01-01 /var/lib/systemd/timers/stamp-timer-persistent.timer, "  # noqa: E501
                    "start, job, until running, until waiting, settle 0.3, stop, job, start, job, settle 0.3, stop, job"),
        timer("timer-not-persistent", "OnCalendar=daily", steps="run touch -d 2020-01-01 /var/lib/systemd/timers/stamp-timer-not-persistent.timer, "  # noqa: E501
              "start, job, settle 0.5, stop, job"),
        timer("timer-zone", "OnTimezoneChange=yes",
              steps="run rm -f /etc/localtime; ln -s /usr/share/zoneinfo/UTC /etc/localtime, start, job, settle 0.4, "
                    "run ln -sfn /usr/share/zoneinfo/Asia/Tokyo /etc/localtime, settle 0.5, "
                    "run ln -s /usr/share/zoneinfo/UTC /etc/lt; mv -T /etc/lt /etc/localtime, settle 0.5, "
                    "run ln -s /usr/share/zoneinfo/UTC /etc/lt; mv -T /etc/lt /etc/localtime, settle 0.5, "
                    "run rm /etc/localtime, settle 0.5, stop, job"),
        timer("timer-clock", "OnClockChange=yes", steps="start, job, settle 0.5, stop, job"),
        timer("timer-clock-gone", "OnClockChange=yes", "RemainAfterElapse=no", steps="start, job, settle 0.5, stop, job"),
        timer("timer-condition", "OnActiveSec=0.3", service=("Type=oneshot", "ExecCondition=/bin/false", "ExecStart=/bin/true"),
              steps="start, job, until running, until elapsed, settle 0.5, stop, job"),
        Case("timer-condition-unmet", {
            "timer-condition-unmet.timer": unit("Timer", "AccuracySec=1us", "OnActiveSec=0.3"),
            "timer-condition-unmet.service": unit("Service", LONG, general=("ConditionPathExists=/nosuch",)),
        }, ("start", "job", "until running", "until elapsed", "settle 0.5", "stop", "job")),
        timer("timer-missing-unit", "OnActiveSec=1", "Unit=nosuch.service", steps="start, job"),
    ]


def every() -> list[Case]:
    return [*commands(), *listening(), *options(), *serving(), *paths(), *timers()]
