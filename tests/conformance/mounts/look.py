"""What becomes of mounts: the same script for a real systemd and for ours, told by the manager's own signals and log.

`look` is called outside of the container; it runs this file inside, with nothing but python3-minimal, where the manager's
private socket is asked. What mount(8) and umount(8) do is the real thing, but where a case puts a script in umount's place.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, "/opt/look")

from initd.cli.bus import MANAGER, PROPERTIES, UNIT, Bus, BusError
from initd.core.objectpath import unit_path

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT_DIRECTORY = "/run/systemd/system"
_TMPFS = "What=tmpfs\nType=tmpfs\nOptions=size=1m\n"
_BOUND = {"look-bound.service": "[Unit]\nBindsTo=look-a.mount\nAfter=look-a.mount\n[Service]\nExecStart=/bin/sleep infinity\n"}
_USER = {"look-user.service": "[Unit]\nRequiresMountsFor=/look/a/b\n[Service]\nExecStart=/bin/sleep infinity\n"}


def _mount(text: str = _TMPFS, head: str = "", more: dict[str, str] | None = None) -> dict[str, str]:
    return {"look-a.mount": f"{head}[Mount]\nWhere=/look/a\n{text}", **(more or {})}


#: Name → (unit files, what is done).
CASES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "mount": (_mount(), ("start", "start", "show", "stop", "stop", "show")),
    "described": (_mount(head="[Unit]\nDescription=The mount\n"), ("start", "stop")),
    "options": (
        _mount("What=tmpfs\nType=tmpfs\nOptions=noauto,nofail,x-systemd.foo=1,size=1m,nosuid\nSloppyOptions=yes\n"
               "ReadWriteOnly=yes\n"),
        ("start", "show", "reload", "show", "stop")),
    "read-write-only": (
        _mount(_TMPFS + "ReadWriteOnly=yes\nLazyUnmount=yes\nForceUnmount=yes\n"),
        ("start", "show", "stop", "show")),
    "more-options": (
        _mount("What=tmpfs\nType=tmpfs\nOptions=auto,user,fail,comment=x,_netdev,defaults,size=1m\nSloppyOptions=yes\n"
               "ReadWriteOnly=yes\n"), ("start", "show", "reload", "show", "stop")),
    "only-options-that-are-not-for-mount": (
        _mount("What=tmpfs\nType=tmpfs\nOptions=nofail,noauto\n"),
        ("start", "show", "reload", "show")),
    "lazy-and-by-force": (
        _mount(_TMPFS + "LazyUnmount=yes\nForceUnmount=yes\n"), ("start", "umount exit 1", "stop", "show", "umount", "stop")),
    "lazy": (
        _mount(_TMPFS + "LazyUnmount=yes\n"),
        ("start", "umount exit 1", "stop", "show", "umount", "hold /look/a", "stop")),
    "what-is-not-there": (_mount("What=/look/nothing\n"), ("start", "show", "start", "reset-failed", "show")),
    "unknown-type": (_mount("What=none\nType=nonesuch\n"), ("start", "show")),
    "bind": (_mount("What=/etc\nOptions=bind\n"), ("start", "sh test -e /look/a/passwd", "show", "stop")),
    "bind-makes-its-source": (
        _mount("What=/look/source\nOptions=bind\nDirectoryMode=0700\n"),
        ("start", "sh test $(stat -c %a /look/source /look/a | tr -d '\\n') = 755700", "stop", "sh stat -c %a /look/a")),
    "not-empty": (_mount(), ("sh mkdir -p /look/a/there", "start", "stop")),
    "where-is-a-link": (_mount(), ("sh mkdir -p /look/b; ln -s b /look/a", "start", "show")),
    "where-is-a-file": (_mount(), ("sh mkdir -p /look; touch /look/a", "start")),
    "reload": (_mount(), ("reload", "start", "reload", "show", "stop")),
    "reload-fails": (
        _mount(), ("start", "write look-a.mount [Mount] Where=/look/a What=tmpfs Type=tmpfs Options=size=oops", "reload",
                   "reload", "stop")),
    "restart": (_mount(), ("restart", "restart", "stop")),
    "stopped-while-it-mounts": (
        _mount("What=none\nType=look\nTimeoutSec=20\n"),
        ("helper mount.look exec sleep 100", "begin", "stop", "show")),
    "mounting-times-out": (
        _mount("What=none\nType=look\nTimeoutSec=1500ms\n"), ("helper mount.look exec sleep 100", "start", "show")),
    "deaf-mounting-times-out": (
        _mount("What=none\nType=look\nTimeoutSec=1500ms\n"),
        ("helper mount.look trap '' TERM; while :; do sleep 0.1; done", "start", "show")),
    "stopped-while-it-remounts": (
        _mount("What=none\nType=look\nTimeoutSec=20\n"),
        ("helper mount.look mount -i -t tmpfs none /look/a", "start", "helper mount.look exec sleep 100",
         "begin-reload", "stop",
         "show")),
    "remounting-times-out": (
        _mount("What=none\nType=look\nTimeoutSec=1500ms\n"),
        ("helper mount.look mount -i -t tmpfs none /look/a", "start", "helper mount.look exec sleep 100",
         "reload", "show", "stop")),
    "deaf-umount-times-out": (
        _mount(_TMPFS + "TimeoutSec=1500ms\n"),
        ("start", "umount trap '' TERM; while :; do sleep 0.1; done", "stop", "show", "umount", "stop")),
    "deaf-umount-is-not-killed": (
        _mount(_TMPFS + "TimeoutSec=1500ms\nSendSIGKILL=no\n"),
        ("start", "umount trap '' TERM; while :; do sleep 0.1; done", "stop", "show", "umount", "kill all", "stop")),
    "no-kill": (
        _mount("What=none\nType=look\nTimeoutSec=1500ms\nKillMode=none\n"),
        ("helper mount.look exec sleep 100", "start", "show")),
    "restart-while-it-unmounts": (
        _mount(),
        ("start", "umount sleep 1; exec /usr/bin/umount.real \"$@\"", "begin-stop", "start", "show", "umount", "stop")),
    "mount-does-nothing": (_mount("What=none\nType=look\n"), ("helper mount.look exit 0", "start", "show")),
    "mount-does-it-and-fails": (
        _mount("What=none\nType=look\n"),
        ("helper mount.look mount -i -t tmpfs none /look/a; exit 3", "start", "show", "stop")),
    "mount-is-killed": (_mount("What=none\nType=look\n"), ("helper mount.look kill -9 $PPID", "start", "show")),
    "umount-does-nothing": (_mount(), ("start", "umount exit 0", "stop", "show", "umount", "stop")),
    "umount-fails": (_mount(), ("start", "umount echo no >&2; exit 5", "stop", "show", "umount", "stop")),
    "umount-times-out": (
        _mount(_TMPFS + "TimeoutSec=1500ms\n"), ("start", "umount exec sleep 100", "stop", "show", "umount", "stop", "show")),
    "busy": (_mount(), ("start", "hold /look/a", "stop", "show", "release", "stop", "show")),
    "twice": (_mount(), ("start", "sh mount -t tmpfs again /look/a", "show", "stop", "show")),
    "unmounted-by-somebody": (_mount(), ("start", "sh umount /look/a", "show", "start", "stop")),
    "mounted-by-somebody": (_mount(), ("sh mkdir -p /look/a; mount -t tmpfs other /look/a", "show", "start", "stop")),
    "of-no-file": ({}, ("sh mkdir -p /look/a; mount -t tmpfs other /look/a", "show", "reload", "sh umount /look/a",)),
    "of-no-file-stop": ({}, ("sh mkdir -p /look/a; mount -t tmpfs other /look/a", "stop")),
    "changed": (
        {}, ("sh mkdir -p /look/a; mount -t tmpfs other /look/a", "sh mount -o remount,ro /look/a", "show",
             "sh umount /look/a; mount -t tmpfs new /look/a", "show", "sh umount /look/a")),
    "moved": (
        _mount(), ("start", "sh mkdir -p /look/b; mount --move /look/a /look/b", "show", "show look-b.mount",
                   "sh umount /look/b")),
    "bound": (_mount(more=_BOUND), ("start look-bound.service", "sh umount /look/a", "start look-bound.service", "stop")),
    "required": (
        _mount(more=_USER), ("deps look-user.service", "start look-user.service", "sh umount /look/a", "show look-user.service",
                             "start", "stop", "stop look-user.service")),
    "required-of-no-file": (
        _USER, ("sh mkdir -p /look/a; mount -t tmpfs other /look/a", "deps look-user.service", "start look-user.service",
                "stop", "stop look-user.service")),
    "prefixes": (
        {"look.mount": "[Mount]\nWhat=tmpfs\nWhere=/look\nType=tmpfs\n", **_mount(more=_USER)},
        ("deps look-user.service", "deps look-a.mount", "start look-user.service", "stop look.mount")),
    "environment": (
        _mount("What=none\nType=look\nEnvironment=A=b\n"),
        ("helper mount.look env | grep -E '^(A|PWD|MONITOR.*|INVOCATION_ID|LANG)=' | sed s/=.*//; "
         "mount -i -t tmpfs none /look/a", "start", "stop")),
    "user": (_mount("What=none\nType=look\nUser=daemon\n"), ("helper mount.look id -un; exit 1", "start")),
    "clean": (
        _mount(_TMPFS + "CacheDirectory=look\n"), ("clean", "sh mkdir -p /var/cache/look", "clean", "start", "clean", "stop")),
    "killed-by-client": (
        _mount("What=none\nType=look\n"),
        ("helper mount.look exec sleep 100", "begin", "kill main", "kill control", "show", "kill control")),
    "start-limit": (
        _mount("What=/look/nothing\n", "[Unit]\nStartLimitBurst=2\n"), ("start", "start", "start", "show")),
    "swap": ({"look-a.swap": "[Swap]\nWhat=/look/a\n"}, ("start look-a.swap", "show look-a.swap", "stop look-a.swap")),
    "automount": (
        _mount(more={"look-a.automount": "[Automount]\nWhere=/look/a\n"}),
        ("show look-a.automount", "start look-a.automount", "show look-a.automount", "sh ls /look/a", "show",
         "stop", "show look-a.automount", "sh ls /look/a", "stop look-a.automount", "show")),
    "automount-idle": (
        _mount(more={"look-a.automount": "[Automount]\nWhere=/look/a\nTimeoutIdleSec=1\n"}),
        ("start look-a.automount", "sh ls /look/a; mountpoint -q /look/a", "idle", "show", "sh ls /look/a", "show",
         "stop look-a.automount", "show")),
    "automount-fails": (
        {"look-a.mount": "[Mount]\nWhat=/look/nothing\nWhere=/look/a\n",
         "look-a.automount": "[Automount]\nWhere=/look/a\n"},
        ("start look-a.automount", "sh ls /look/a", "show", "show look-a.automount", "stop look-a.automount")),
    "automount-mounted-by-hand": (
        _mount(more={"look-a.automount": "[Automount]\nWhere=/look/a\n"}),
        ("start look-a.automount", "start", "show look-a.automount", "stop look-a.automount", "show")),
    "automount-on-a-mount": (
        _mount(more={"look-a.automount": "[Automount]\nWhere=/look/a\n"}),
        ("start", "start look-a.automount", "show look-a.automount", "stop")),
}
_SHOWN = ("ActiveState", "SubState", "Result", "What", "Where", "Options", "Type", "LoadState", "Description", "SourcePath",
          "FragmentPath", "CanStart", "CanStop", "CanReload", "TimeoutIdleUSec")
_PLACES = {"look-a.mount": "/look/a", "look-b.mount": "/look/b"}
_DEPENDENCIES = ("Requires", "RequiresMountsFor", "After", "BoundBy", "Wants")
#: What pyinit does not say of any unit, and whether a script's sleep(1) was there at the moment of a signal.
_OF_SYSTEMD_ALONE = re.compile(
    r"^$|^Killed$|left-over process|This usually indicates|remains running after|on client request\.|KillMode=none"
    r"|Killing process \d+ \(sleep\)")
_WANTED = re.compile(r"(MESSAGE|PRIORITY|_SYSTEMD_UNIT|UNIT|SYSLOG_IDENTIFIER)=(.*)")


class Looker:
    """Asks for one case after the other."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.bus.ask("Subscribe")
        self.said: list[str] = []
        self.names: tuple[str, ...] = ()
        self.holder: subprocess.Popen | None = None

    def case(self, name: str) -> list[str]:
        files, steps = CASES[name]
        self.said, self.names = [], tuple(sorted({*files, "look-a.mount", "look-b.mount"}))
        for unit, text in files.items():
            self._write(unit, text)
        self.bus.ask("Reload")
        since = self._cursor()
        self._tell_later(steps)
        self._log(since)
        said = self.said[:]
        self._clear(files)
        return said

    def _tell_later(self, steps: tuple[str, ...]) -> None:
        self.until_still()
        self.said.clear()
        for step in steps:
            self.said.append(f"- {step}")
            verb, _, words = step.partition(" ")
            getattr(self, "do_" + verb.replace("-", "_"))(words)
            self.until_still()

    def _write(self, unit: str, text: str) -> None:
        os.makedirs(UNIT_DIRECTORY, exist_ok=True)
        with open(f"{UNIT_DIRECTORY}/{unit}", "w") as file:
            file.write(text)

    def _clear(self, files: dict[str, str]) -> None:
        self.do_release("")
        self.do_umount("")
        for unit in files:
            self.ask("KillUnit", "ssi", unit, "all", 9, quiet=True)
            self.ask("StopUnit", "ss", unit, "replace", quiet=True)
        self.until_still()
        for unit in files:
            os.unlink(f"{UNIT_DIRECTORY}/{unit}")
        script = ("for n in 1 2 3; do umount -l /look/a /look/b /look; done 2>/dev/null; rm -rf /look /sbin/mount.look; "
                  "rm -rf /var/cache/look")
        subprocess.run(["sh", "-c", script], check=True)
        self.bus.ask("Reload")
        self.bus.ask("ResetFailed")
        self.until_still()

    # --- what is done -------------------------------------------------------------------------------------------------

    def ask(self, member: str, signature: str, *args, quiet: bool = False) -> bool:
        try:
            self.bus.ask(member, signature, *args)
        except BusError as problem:
            if not quiet:
                self.said.append(f"{problem.name.rpartition('.')[2]}: {problem.text}")
            return False
        return True

    def _job(self, member: str, words: str) -> None:
        unit = words or "look-a.mount"
        self.ask(member, "ss", unit, "replace")

    def do_start(self, words: str) -> None:
        self._job("StartUnit", words)

    def do_begin(self, words: str) -> None:
        self._begin("StartUnit")

    def do_begin_reload(self, words: str) -> None:
        self._begin("ReloadUnit")

    def do_begin_stop(self, words: str) -> None:
        self._begin("StopUnit")

    def _begin(self, member: str) -> None:
        """Go on when the unit's process is there."""
        self._job(member, "")
        self.is_patient = False
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not self._helper_runs():
            time.sleep(0.02)

    def _helper_runs(self) -> bool:
        return not subprocess.run(["grep", "-qs", "sleep", *self._commands()], check=False).returncode

    def _commands(self) -> list[str]:
        return [f"/proc/{pid}/comm" for pid in os.listdir("/proc") if pid.isdigit()]

    def do_stop(self, words: str) -> None:
        self._job("StopUnit", words)

    def do_reload(self, words: str) -> None:
        self._job("ReloadUnit", words)

    def do_restart(self, words: str) -> None:
        self._job("RestartUnit", words)

    def do_kill(self, words: str) -> None:
        self.ask("KillUnit", "ssi", "look-a.mount", words, 9 if words == "all" else 15)

    def do_clean(self, words: str) -> None:
        self.ask("CleanUnit", "sas", "look-a.mount", ["cache"])

    def do_reset_failed(self, words: str) -> None:
        self.ask("ResetFailedUnit", "s", "look-a.mount")

    def do_sh(self, words: str) -> None:
        done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False, timeout=20)
        if done.returncode:
            self.said.append(f"sh: {done.returncode} {done.stderr.strip()}")

    def do_helper(self, words: str) -> None:
        """What mount(8) runs for the type "look"."""
        name, _, script = words.partition(" ")
        _install(f"/sbin/{name}", script)

    def do_umount(self, words: str) -> None:
        """A script in place of umount(8), or the real one again."""
        if words and not os.path.exists("/usr/bin/umount.real"):
            os.rename("/usr/bin/umount", "/usr/bin/umount.real")
        if words:
            _install("/usr/bin/umount", words)
        elif os.path.exists("/usr/bin/umount.real"):
            os.rename("/usr/bin/umount.real", "/usr/bin/umount")

    def do_hold(self, words: str) -> None:
        self.holder = subprocess.Popen(["sleep", "1000"], cwd=words)

    def do_release(self, words: str) -> None:
        if self.holder is not None:
            self.holder.kill()
            self.holder.wait()
            self.holder = None

    def do_idle(self, words: str) -> None:
        """Until what is not used is unmounted."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self._state("look-a.mount") != "dead":
            time.sleep(0.1)

    def do_write(self, words: str) -> None:
        unit, *lines = words.split()
        self._write(unit, "\n".join(lines) + "\n")
        self.bus.ask("Reload")

    def do_show(self, words: str) -> None:
        found = self.bus.get_all(unit_path(words or "look-a.mount"))
        for name in _SHOWN:
            # Where a unit with a file comes from is a matter of when systemd has read it.
            if name in found and (name != "SourcePath" or not found["FragmentPath"][1]):
                text = str(found[name][1])
                self.said.append(f"{name}={text if 'lowerdir=' not in text else '(as the root is mounted)'}")
        for name in ("ExecMount", "ExecUnmount", "ExecRemount"):
            for run in found.get(name, ("", ()))[1]:
                # Whether it ran, and how that ended.
                self.said.append(f"{name}={' '.join(run[1])} {bool(run[3])} {bool(run[7])} {run[8]} {run[9]}")

    def do_deps(self, words: str) -> None:
        found = self.bus.get_all(unit_path(words), UNIT)
        for name in _DEPENDENCIES:
            mine = sorted(each for each in found[name][1] if "look" in each or each == "-.mount")
            self.said.append(f"{name}={' '.join(mine)}")

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _state(self, unit: str) -> str:
        return self.bus.get(unit_path(unit), UNIT, "SubState")

    is_patient = True

    def until_still(self) -> None:
        """Notes what the manager tells, until no job is left and it has told nothing for a while."""
        quiet_since = time.monotonic()
        deadline = quiet_since + 20
        while time.monotonic() < min(quiet_since + 0.2, deadline):
            has_jobs = bool(self.bus.ask("ListJobs")[0]) or not self._knows()
            signals = self.bus._signals[:]
            self.bus._signals.clear()
            said = len(self.said)
            for message in signals:
                self.note(message)
            # That units come and go is no news: they do so for being asked about.
            if len(self.said) > said or has_jobs and self.is_patient:
                quiet_since = time.monotonic()
            time.sleep(0.01)
        if self.is_patient:
            self._note_states()
        self.is_patient = True

    def _note_states(self) -> None:
        """What is so, whether or not it was told: systemd takes its time to tell of what nobody has asked for."""
        for name in self.names:
            if name.endswith(("mount", "swap")):
                path = unit_path(name)
                self._note_state(name, *(self.bus.get(path, UNIT, each) for each in ("ActiveState", "SubState")))

    def _note_state(self, name: str, active: str, sub: str) -> None:
        earlier = [each for each in self.said if each.startswith(name + " ")] or [f"{name} inactive dead"]
        if earlier[-1] != f"{name} {active} {sub}":
            self.said.append(f"{name} {active} {sub}")

    def _knows(self) -> bool:
        """The manager has heard what is mounted (systemd lets it wait where there is much to hear)."""
        with open("/proc/self/mountinfo") as table:
            places = {line.split()[4] for line in table if " autofs " not in line}
        return all((place in places) == (self._is_up(name)) for name, place in _PLACES.items())

    def _is_up(self, name: str) -> bool:
        return self.bus.get(unit_path(name), UNIT, "ActiveState") not in ("inactive", "failed")

    def note(self, message) -> None:
        units = {unit_path(name): name for name in self.names}
        if message.interface == PROPERTIES and message.path in units:
            changed = {key: value for key, (_, value) in message.body[1].items()}
            if message.body[0] == UNIT and "ActiveState" in changed:
                self._note_state(units[message.path], changed["ActiveState"], changed["SubState"])
        elif message.interface == MANAGER and message.member == "JobRemoved" and message.body[2] in self.names:
            self.said.append(f"job {message.body[2]} {message.body[3]}")

    def _cursor(self) -> str:
        done = subprocess.run(["journalctl", "-n1", "-o", "export", "--no-pager"], capture_output=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith(b"__CURSOR=")]
        return lines[0].partition(b"=")[2].decode() if lines else ""

    def _log(self, since: str) -> None:
        """What the manager, and then what mount(8) wrote about the units since then: which of two processes' lines comes
        first is chance. Services have tests of their own."""
        subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
        done = subprocess.run(["journalctl", "-o", "export", "--no-pager", f"--after-cursor={since}"], capture_output=True,
                              text=True, errors="replace", check=False)
        own: list[str] = []
        others: list[str] = []
        for entry in done.stdout.split("\n\n"):
            found = dict(match.groups() for match in map(_WANTED.fullmatch, entry.splitlines()) if match)
            unit = found.get("UNIT") or found.get("_SYSTEMD_UNIT")
            if unit in self.names and not unit.endswith(".service") and not _OF_SYSTEMD_ALONE.search(found.get("MESSAGE", "")):
                who = "" if "UNIT" in found else found.get("SYSLOG_IDENTIFIER", "") + ": "
                text = re.sub(r"\b(process|triggered by) \d+", r"\1 N", found["MESSAGE"])
                (others if who else own).append(f"<{found['PRIORITY']}> {who}{text}")
        self.said += own + others


def _install(path: str, script: str) -> None:
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)


def options() -> tuple[str, ...]:
    """What a container needs for `look`."""
    tree = os.path.abspath(HERE + "/../../..")
    return (f"--volume={tree}/initd:/opt/look/initd:ro", f"--volume={HERE}/look.py:/opt/look/look.py:ro")


def look(container, *cases: str) -> dict[str, list[str]]:
    """What was told of each case."""
    return ast.literal_eval(container.exec("python3", "-I", "/opt/look/look.py", *cases, timeout=600).stdout)


def main() -> None:
    looker = Looker()
    print({name: looker.case(name) for name in sys.argv[1:] or CASES})


if __name__ == "__main__":
    main()
