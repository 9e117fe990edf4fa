"""What is asked of a user's manager, as a user, in a container: the same of systemd's and of ours.

Left out is what a container's own mounts, cgroups and sessions have a say in.
"""

from __future__ import annotations

USER = "someone"
UID = 1000
RUNTIME = f"/run/user/{UID}"
UNITS_DIRECTORY = f"/home/{USER}/.config/systemd/user"

UNITS = {
    "where.service": """\
[Unit]
Description=%t %S %C %L %E %h %u %U %g %G %s %T %V
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'pwd > %t/told; env >> %t/told'
RuntimeDirectory=ours
StateDirectory=ours-state
CacheDirectory=ours
LogsDirectory=ours
ConfigurationDirectory=ours
[Install]
WantedBy=default.target
""",
    "root.service": "[Service]\nType=oneshot\nUser=root\nExecStart=/bin/true\n",
    "group.service": "[Service]\nType=oneshot\nGroup=root\nExecStart=/bin/true\n",
    "groups.service": "[Service]\nType=oneshot\nSupplementaryGroups=adm\nExecStart=/bin/true\n",
    "dynamic.service": "[Service]\nType=oneshot\nDynamicUser=yes\nExecStart=/bin/true\n",
    "sandboxed.service": "[Service]\nType=oneshot\nPrivateTmp=yes\nProtectSystem=strict\nPrivateNetwork=yes\n"
                         "ExecStart=/bin/true\n",
    "action.service": "[Unit]\nFailureAction=poweroff\nSuccessAction=exit\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "systems.service": "[Service]\nType=oneshot\nSlice=system.slice\nNice=-5\nExecStart=/bin/true\n",
    "one.socket": "[Socket]\nListenStream=%t/one.sock\n",
    "one.service": "[Service]\nExecStart=/bin/cat\n",
    "one.timer": "[Timer]\nOnCalendar=daily\nPersistent=yes\n",
    "one.path": "[Path]\nPathExists=/nothing\n",
    "more@.service": "[Service]\nExecStart=/bin/sleep 100\n[Install]\nWantedBy=default.target\n",
    "disk.swap": "[Swap]\nWhat=/disk\n",
}

_DEPENDENCIES = "Requires,Wants,Before,Conflicts,Slice,WorkingDirectory"
_OF_UNITS = (
    "where.service", "one.socket", "one.timer", "one.path", "more@1.service", "one.service",
    "default.target", "exit.target", "timers.target", "session.slice", "background.slice",
)
_NOWHERE = "env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS"
_ELSEWHERE = "env -u DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR=/tmp/none"

#: Shell command lines.
QUESTIONS: tuple[str, ...] = (
    *(f"systemctl --user show -p {_DEPENDENCIES} {unit}" for unit in _OF_UNITS),
    "systemctl --user start where",
    "systemctl --user show -p Description,ActiveState,SubState,Result where",
    "head -n1 $XDG_RUNTIME_DIR/told; grep '^[A-Z_]*DIRECTORY=\\|^HOME=\\|^USER=\\|^LOGNAME=\\|^XDG\\|^PATH=\\|^LANG=' "
    "$XDG_RUNTIME_DIR/told | sort",
    "grep -c '^MANAGERPID=[1-9]' $XDG_RUNTIME_DIR/told",
    "stat -c '%a %U %n' ~/.config/ours ~/.config/ours-state ~/.cache/ours ~/.config/log/ours $XDG_RUNTIME_DIR/ours "
    "$XDG_RUNTIME_DIR/systemd/private",
    *(f"systemctl --user start {name}; systemctl --user show -p Result --value {name}; "
      f"systemctl --user show -p ExecMainStatus --value {name}"
      for name in ("root", "group", "groups", "dynamic", "sandboxed", "systems")),
    "systemctl --user show -p FailureAction,SuccessAction action",
    "systemctl --user start disk.swap",
    "systemctl --user start one.socket one.timer",
    "stat -c '%a %F' $XDG_RUNTIME_DIR/one.sock",
    "find ~/.local -name 'stamp-*'",
    "systemctl --user enable where more@a",
    "systemctl --user is-enabled where more@a more@b one.socket",
    "systemctl --user disable where",
    "systemctl --user enable --runtime where",
    "systemctl --user mask --runtime one.path",
    "systemctl --user unmask --runtime one.path",
    "systemctl --user mask one.path",
    "systemctl --user add-wants default.target one.timer",
    "systemctl --user preset where",
    "systemctl --user get-default",
    "systemctl --user set-default basic.target && systemctl --user get-default",
    "systemctl --user set-property one.service CPUWeight=50; systemctl --user show -p DropInPaths one.service",
    "systemctl --user set-property --runtime one.socket CPUWeight=60; systemctl --user show -p DropInPaths one.socket",
    "systemctl --user clean --what=state where",
    "systemctl --user stop where; systemctl --user clean --what=state,cache where; ls ~/.config ~/.cache",
    "ls -d $XDG_RUNTIME_DIR/ours",
    "systemctl --user show-environment | grep -v 'DBUS\\|EXEC_PID\\|SHLVL\\|^TERM=\\|^PWD=\\|^OLDPWD='",
    "systemctl --user set-environment NEW=1 && systemctl --user show-environment | grep NEW",
    *(f"systemctl --user {verb}" for verb in (
        "poweroff", "reboot", "halt", "kexec", "suspend", "hibernate", "rescue", "emergency", "switch-root /")),
    "systemctl --user isolate basic.target",
    "systemctl --user bind where /etc /x",
    "systemctl --user start no-such",
    "systemd-run --user --wait --quiet /bin/false",
    "systemd-run --user --wait --quiet --pipe /bin/pwd",
    "systemctl --user is-system-running",
    "systemctl --user reset-failed; systemctl --user is-system-running",
    # where there is no manager
    *(f"{_NOWHERE} systemctl --user {words}" for words in (
        "status", "start x", "is-active x", "is-system-running", "enable where", "is-enabled where", "list-unit-files",
        "daemon-reload", "get-default", "show-environment", "cat where", "mask where")),
    f"{_NOWHERE} systemd-run --user true",
    f"{_NOWHERE} systemd-analyze --user dump",
    *(f"{_ELSEWHERE} systemctl --user {words}" for words in (
        "status", "start x", "is-system-running", "enable where", "daemon-reload")),
    f"{_ELSEWHERE} systemd-run --user true",
    f"{_NOWHERE} systemctl --user --root=/ is-enabled exit.target",
    # directories
    "systemd-analyze --user unit-paths",
    f"{_NOWHERE} systemd-analyze --user unit-paths",
    "XDG_CONFIG_HOME=/c XDG_DATA_HOME=/d XDG_CONFIG_DIRS=/e1:/e2 XDG_DATA_DIRS=/f1:/f2 systemd-analyze --user unit-paths",
    "SYSTEMD_UNIT_PATH=/u1:/u2 systemd-analyze --user unit-paths",
    "SYSTEMD_UNIT_PATH=/u1:/u2: systemd-analyze --user unit-paths",
    "systemd-analyze --global unit-paths",
    "systemctl --user show -p UnitPath --value",
    # the units of all users
    "systemctl --global is-enabled basic.target",
    "systemctl --global get-default",
    "systemctl --global set-default basic.target",
    "systemctl --global start no-such",
    # the end
    "systemctl --user daemon-reexec; systemctl --user is-active one.socket",
    "systemctl --user exit 3",
)

#: As root: of a user's own directories nothing but what these leave there.
GLOBAL_QUESTIONS: tuple[str, ...] = (
    "systemctl --global enable systemd-tmpfiles-clean.timer",
    "systemctl --global is-enabled systemd-tmpfiles-clean.timer",
    "systemctl --global mask systemd-tmpfiles-setup.service",
    "systemctl --global unmask systemd-tmpfiles-setup.service",
    "systemctl --global disable systemd-tmpfiles-clean.timer",
    "systemctl --global preset systemd-tmpfiles-clean.timer",
    "find /etc/systemd/user -type l",
    "systemctl --global disable systemd-tmpfiles-clean.timer",
)

_MARK = "%%%%"
#: Lines whose words are a list in no order.
_LISTS = ("Requires=", "Wants=", "Before=", "After=", "Conflicts=")


def script(questions: tuple[str, ...]) -> str:
    """For bash: every answer, with the exit status behind it."""
    lines = [f"export XDG_RUNTIME_DIR={RUNTIME} SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat; cd /"]
    lines += [f"( {question} ) 2>&1 < /dev/null; echo '{_MARK}' $?" for question in questions]
    return "\n".join(lines) + "\n"


def answers(said: str) -> list[list[str]]:
    """Of each question the exit status and the lines."""
    found: list[list[str]] = []
    lines: list[str] = []
    for line in said.splitlines():
        if _MARK not in line:
            lines.append(_settled(line))
            continue
        rest, _, status = line.partition(_MARK)  # what was said may end without a line's end
        lines += [rest] if rest else []
        # properties come in no order
        found.append([status.strip(), *(sorted(lines) if all("=" in line for line in lines) else lines)])
        lines = []
    return found


def _settled(line: str) -> str:
    if not line.startswith(_LISTS):
        return line
    key, _, value = line.partition("=")
    # Which of the units loaded so far wait for it depends on what was asked before.
    waiting = {word for word in value.split() if word.endswith(".service") and key == "Before"}
    return f"{key}={' '.join(sorted(set(value.split()) - waiting))}"


_PROBE = r"""#!/bin/sh
never='SYSTEMD_EXEC_PID|INVOCATION_ID|JOURNAL_STREAM|NOTIFY_SOCKET|RUNTIME_DIRECTORY|_|OLDPWD|SHLVL'
{ echo "$0 $*"; env | grep -vE "^($never)=" | sort
  readlink /proc/self/fd/0; umask; pwd; for d; do find "$d" -maxdepth 0; done; } > "$XDG_RUNTIME_DIR/probe" 2>&1
printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' > $1/made.service
mkdir -p $1/default.target.wants && ln -s ../made.service $1/default.target.wants/made.service
for each in "normal $1" "early $2" "late $3"; do
    printf "[Unit]\nDescription=${each%% *}\n[Service]\nExecStart=/bin/true\n" > ${each##* }/all.service
done
cp $3/all.service $3/last.service
"""
#: Generators, and files with variables: path → text. What is executable begins with "#!".
GENERATORS = {
    "/usr/lib/systemd/user-generators/probe": _PROBE,
    "/usr/lib/systemd/user-generators/fails": "#!/bin/sh\ntouch $1/by-fails\nexit 3\n",
    "/usr/lib/systemd/user-generators/masked": "#!/bin/sh\ntouch $1/by-masked\n",
    "/etc/systemd/user-generators/masked": "",
    "/usr/lib/systemd/user-environment-generators/10-a": "#!/bin/sh\necho A=1\n",
    "/etc/systemd/user-environment-generators/40-b": "#!/bin/sh\necho B=$A-$E1\n",
    "/etc/environment.d/50-a.conf":
        '# c\nE1=one\nE2=${E1}-two\nE3="q r"\nE4=${NONE:-dflt}\nE5=${E1:+alt}\nE6=a$E1\nE10=${A}$NONE.\nE11=$A/${E1:-x}\n',
    f"/home/{USER}/.config/environment.d/60-b.conf": "E1=home\nE7=$HOME/x\nbad line\n",
    "/etc/environment.d/zz.txt": "E8=not this\n",
    "/etc/environment.d/70-c.conf": "E9=masked\n",
    f"/home/{USER}/.config/environment.d/70-c.conf": "E9=mine\n",
    "/etc/environment": "E12=of all\n",
}
#: The session bus as a package has it.
BUS = {
    "dbus.socket": "[Socket]\nListenStream=%t/bus\nExecStartPost=-/bin/systemctl --user set-environment "
                   "DBUS_SESSION_BUS_ADDRESS=unix:path=%t/bus\n",
    "dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\nSlice=session.slice\n"
                    "ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation "
                    "--syslog-only\n",
}
_MADE = ("systemctl --user show -P Description all last; systemctl --user is-active made; "
         "cd $XDG_RUNTIME_DIR/systemd && ls -R generator*")
GENERATOR_QUESTIONS = (
    "cat $XDG_RUNTIME_DIR/probe",
    "systemctl --user show-environment | grep '^[A-E][0-9]*=' | sort",
    _MADE,
    "systemctl --user daemon-reload",
    _MADE,
    "systemctl --user is-active dbus.socket dbus.service; systemctl --user list-sockets --no-legend dbus.socket",
    "systemctl --user show-environment | grep DBUS",
    "dbus-send --bus=unix:path=$XDG_RUNTIME_DIR/bus --print-reply=literal --dest=org.freedesktop.DBus / "
    "org.freedesktop.DBus.GetNameOwner string:org.freedesktop.DBus",
    "systemctl --user is-active dbus.socket dbus.service",
)


def setup_generators() -> str:
    """For a root shell: generators, and a session bus where there is none."""
    directory = "/usr/lib/systemd/user"
    bus = {f"{directory}/{name}": text for name, text in BUS.items()}
    parts = [f"mkdir -p {path.rpartition('/')[0]}\n" + f"test -e {path} || " * (path in bus)
             + f"cat > {path} <<'END'\n{text}END\n" + f"chmod +x {path}" * text.startswith("#!")
             for path, text in (GENERATORS | bus).items()]
    parts += [f"mkdir -p {directory}/sockets.target.wants", f"ln -sf ../dbus.socket {directory}/sockets.target.wants/",
              f"chown -R {USER}: /home/{USER}"]
    return "\n".join(parts) + "\n"


def setup() -> str:
    """For a root shell: the user and the user's units."""
    parts = [f"useradd -m -u {UID} -s /bin/bash {USER}", f"mkdir -p {UNITS_DIRECTORY}", f"cd {UNITS_DIRECTORY}"]
    parts += [f"cat > '{name}' <<'END'\n{text}END" for name, text in UNITS.items()]
    return "\n".join([*parts, f"chown -R {USER}: /home/{USER}"]) + "\n"
