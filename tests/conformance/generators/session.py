"""Generators of every kind, and what becomes of what they make: one tree of files, one session, asked of whoever is PID 1.

`play` gives lines that do not change from run to run. What only a real systemd's own generators make is left out.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

if TYPE_CHECKING:
    from harness import Machine

SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)
PYINIT = Image(("dbus", "procps"))
ANSWERS = Path(__file__).resolve().parent / "answers.json"

_VARIABLES = "env | grep -vE '^(SYSTEMD_EXEC_PID|HOSTNAME|container_uuid|_|OLDPWD|SHLVL)=' | sort"
_PROBE = f"""#!/bin/sh
{{ echo "$0 $*"; {_VARIABLES}; readlink /proc/self/fd/0; umask; pwd
  grep NoNewPrivs /proc/self/status; for d; do find "$d" -maxdepth 0; done; }} > "$1/${{0##*/}}.probe" 2>&1
"""
_ENVIRONMENT = f'#!/bin/sh\n{_VARIABLES} > "/run/env-${{0##*/}}"\n'
_UNIT = "[Unit]\nDescription={0}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
#: Which units a generator makes, in which of its directories.
_MADE = {"2": ("early", ("all",)), "1": ("normal", ("all", "not-early", "no-etc", "made")),
         "3": ("late", ("all", "not-early", "no-etc", "last"))}


def _maker() -> str:
    lines = ["#!/bin/sh"]
    for argument, (place, names) in _MADE.items():
        text = _UNIT.format(place).replace("\n", "\\n")
        lines += [f"printf '{text}' > ${argument}/{name}.service" for name in names]
    return "\n".join([
        *lines,
        "mkdir -p $1/multi-user.target.wants $1/made.service.d",
        "ln -s ../made.service $1/multi-user.target.wants/made.service",
        'ln -s "$1/made.service" "$1/alias.service"',
        'printf "[Unit]\\nSourcePath=/etc/source\\n" > $1/made.service.d/x.conf',
        "if test -e /etc/more; then cp $1/made.service $1/more.service; fi", ""])


_FIRST = {
    "etc/systemd/system-generators/probe": _PROBE,
    "usr/lib/systemd/system-generators/probe": "#!/bin/sh\ntouch $1/overridden\n",
    "usr/local/lib/systemd/system-generators/local": _PROBE,
    "usr/lib/systemd/system-generators/maker": _maker(),
    "etc/systemd/system-generators/empty": "",
    "usr/lib/systemd/system-generators/empty": _PROBE,
    "usr/lib/systemd/system-generators/linked": _PROBE,
    "usr/lib/systemd/system-generators/dangling": _PROBE,
    "usr/lib/systemd/system-generators/closed": _PROBE,
    "etc/systemd/system-generators/.hidden": _PROBE,
    "etc/systemd/system-generators/left.dpkg-old": _PROBE,
    "etc/systemd/system-generators/left~": _PROBE,
    "etc/systemd/system-generators/no-shebang": _PROBE.partition("\n")[2],
    "etc/systemd/system-generators/fails": "#!/bin/sh\ntouch $1/by-fails\nexit 3\n",
    "etc/systemd/system-generators/dies": "#!/bin/sh\ntouch $1/by-dies\nkill -9 $$\n",
    "etc/systemd/system-environment-generators/10-a": _ENVIRONMENT + r"""cat <<'END'
A=1
B="quo ted"
C='single $X'
D=un quoted
# comment
export E=exp
F=${A}x$A
G=a\
b
noequals
1BAD=x
H=
 I = spaced
PATH=/new:/usr/bin:/bin
END
printf J=last
""",
    "etc/systemd/system-environment-generators/20-b": _ENVIRONMENT + 'echo "A=${A}2"; echo H=now; echo "LANG=de_DE.UTF-8"\n',
    "etc/systemd/system-environment-generators/30-c": _ENVIRONMENT + "echo K=failed; echo complaint >&2; exit 1\n",
    "etc/systemd/system-environment-generators/40-d": _ENVIRONMENT + 'echo "L=$K"\n',
}
_NO_PROGRAMS = {
    "etc/systemd/system-generators/closed": _PROBE,
    "etc/systemd/system/all.service": _UNIT.format("etc"),
    "etc/systemd/system/not-early.service": _UNIT.format("etc"),
    "usr/lib/systemd/system/not-early.service": _UNIT.format("lib"),
    "usr/lib/systemd/system/no-etc.service": _UNIT.format("lib"),
    "usr/lib/systemd/system/last.service": _UNIT.format("lib"),
    "etc/systemd/system/shows.service": "[Service]\nType=oneshot\nExecStart=sh -c 'env | sort > /run/shown'\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/source": "",
}
_LINKS = {
    "etc/systemd/system-generators/linked": "/dev/null",
    "etc/systemd/system-generators/dangling": "/nonexistent",
}

_FILES = "find /run/systemd/generator* ! -type d -printf '%p %l\\n' 2>/dev/null | sort | grep -vE 'systemd-remount-fs|getty'"
_SHOW_UNITS = f"""for u in all not-early no-etc made last alias more; do
    systemctl show $u -p Id,LoadState,Description,FragmentPath,SourcePath,UnitFileState,DropInPaths | grep -v '=$' | sort
done; systemctl is-active made; systemctl is-enabled made last; {_FILES}"""
_ENVIRONMENT_NOW = "systemctl show-environment | sort"

STEPS = (
    "for f in /run/systemd/generator*/*.probe /run/env-*; do echo == $f; cat $f; done",
    _SHOW_UNITS,
    _ENVIRONMENT_NOW,
    f"systemctl set-environment A=client NEW=1; systemctl unset-environment L LANG; {_ENVIRONMENT_NOW}",
    "systemctl start shows; grep -E '^(A|NEW|L|LANG|PATH|K)=' /run/shown",
    # What was there goes away, what was not there comes, and what clients have set stays.
    "rm /run/env-*; cd /etc/systemd/system-environment-generators; rm 30-c; touch /etc/more; "
    "printf '#!/bin/sh\\necho B=changed; echo SAW=$A$NEW$I$J\\n' > 10-a; "
    f"cd ../system-generators; rm probe linked; systemctl daemon-reload; {_ENVIRONMENT_NOW}",
    _SHOW_UNITS,
    "cat /run/systemd/generator/linked.probe /run/env-20-b",
    f"systemctl unset-environment A; {_ENVIRONMENT_NOW}",
    "systemctl show -p NeedDaemonReload made; sleep 0.01; echo >> /etc/source; systemctl show -p NeedDaemonReload made",
    "printf '#!/bin/sh\\necho >> /run/count\\n' > /usr/local/lib/systemd/system-generators/local; systemctl daemon-reload; "
    "wc -l < /run/count; systemctl enable made; systemctl disable made; systemctl mask --runtime made; "
    "systemctl is-enabled made; systemctl unmask --runtime made; systemctl is-enabled made",
    # Where nothing is made, there are no directories.
    "systemctl stop made; rm -r /etc/systemd/system-*generators /usr/local/lib/systemd; "
    "cd /usr/lib/systemd/system-generators; rm -f probe maker empty linked dangling closed; systemctl daemon-reload; "
    f"{_SHOW_UNITS}; {_ENVIRONMENT_NOW}",
)

#: Words of the command line, as PID 1's arguments, and what is asked behind that boot.
WORDS = (
    "systemd.mask=cron.service", "systemd.mask=bad", "systemd.wants=last.service", "systemd.wants=foo",
    "systemd.debug_shell=tty3", "systemd.unit=rescue.target", "3", "systemd.setenv=A=b", "systemd.setenv=bad",
    "systemd.log_level=debug", "systemd.default_standard_output=null", "systemd.service_watchdogs=no",
    "systemd.default_timeout_start_sec=33", "systemd.machine_id=00112233445566778899aabbccddeeff",
    "locale.LANG=de_DE.UTF-8", "locale.LC_FOO=x", "systemd.getty_auto=no", "rd.systemd.unit=emergency.target", "quiet",
    "systemd.unknown=x",
)
WORDS_STEPS = (
    f"{_FILES} | grep generator.early; cat /run/systemd/generator.early/debug-shell.service.d/*",
    "systemctl show -p LogLevel,DefaultStandardOutput,DefaultStandardError,ServiceWatchdogs,DefaultTimeoutStartUSec",
    _ENVIRONMENT_NOW,
    "cat /etc/machine-id; systemctl is-active graphical.target multi-user.target rescue.target last.service; "
    "systemctl show -p LoadState cron.service debug-shell.service",
)


def prepare(image: Image, *command: str) -> Container:
    options = ("--systemd=always", "--env=FOO=bar", *(("--privileged",) if not image.with_pyinit else ()))
    machine = Container(image, *command, options=options)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        for files, mode in ((_FIRST, 0o755), (_NO_PROGRAMS, 0o644)):
            for name, text in files.items():
                path = Path(directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod(mode)
        for name, target in _LINKS.items():
            Path(directory, name).symlink_to(target)
        return machine.put_file("/", f"{directory}/.")


#: At a reload pyinit's generators write beside what is in force, which stays so until all of them are done.
_STAGED, _FINAL = "/run/systemd/.generating/", "/run/systemd/"


def play(machine: Machine, steps: tuple[str, ...]) -> list[list[str]]:
    prefix = "export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=; "
    return [machine.exec("sh", "-c", f"{prefix}{{ {step}; }} 2>&1", check=False).stdout.replace(_STAGED, _FINAL).splitlines()
            for step in steps]
